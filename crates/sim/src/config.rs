//! What a history is made of: a different mixture for each seed, since bugs hide from the average.

use crate::dice::Dice;

/// How the next one to go is chosen among those that could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Everyone alike.
    Even,
    /// Mostly whoever went last, so that one overtakes another by many steps.
    Bursts,
    /// By a rank that is thrown at the start and changes a few times: reaches orders that an even choice hardly ever does.
    Ranks,
}

/// What histories are to be about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// Everything.
    #[default]
    All,
    /// Reads while people merge.
    Reads,
    /// Identifiers that several records claim at once.
    Claims,
    /// Deletes while people merge.
    Erasing,
}

/// The mixture of one history. Rates are probabilities.
#[derive(Clone, Debug)]
pub struct Config {
    /// Services over the one store.
    pub nodes: usize,
    /// Organisations.
    pub orgs: usize,
    /// Regions of each.
    pub regions: usize,
    /// Identifiers in the pool, the same values in every organisation and region.
    pub identifiers: usize,
    /// Kinds that they are of.
    pub kinds: usize,
    /// Operations.
    pub operations: usize,
    /// Operations at once.
    pub at_once: usize,
    /// Who goes next.
    pub style: Style,
    /// Weights of upsert, fetch, delete, repeat, sweep.
    pub weights: [usize; 5],
    /// Most identifiers in one record.
    pub record: usize,
    /// Of upserts and deletes: with an idempotency key.
    pub keyed: f64,
    /// Of upserts, fetches and deletes: by a UCID that was learnt.
    pub by_ucid: f64,
    /// Of upserts: with a timestamp of the client's.
    pub stamped: f64,
    /// Of upserts: with a precondition.
    pub conditional: f64,
    /// What goes wrong.
    pub faults: Faults,
}

/// How often what goes wrong. All 0 by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Of writes: not done, and said so.
    pub refuse: f64,
    /// Of writes: not done, and nobody knows.
    pub forget: f64,
    /// Of writes: done, and nobody knows.
    pub lose: f64,
    /// Of writes: done later, perhaps, and nobody knows.
    pub late: f64,
    /// Before a call, while something is late: it lands.
    pub lands: f64,
    /// Of reads: not answered.
    pub read_fails: f64,
    /// Before a step: a client is gone.
    pub die: f64,
    /// Before a step: a node stops with all that it was doing.
    pub stop: f64,
    /// Before a step: a node's clock is set anew.
    pub skew: f64,
    /// Before a step: more than a minute passes.
    pub pass: f64,
}

impl Config {
    /// For histories that somebody wrote down: nothing goes wrong but what their schedule says.
    pub fn plain(nodes: usize, identifiers: usize, operations: usize) -> Self {
        Self {
            nodes,
            orgs: 1,
            regions: 1,
            identifiers,
            kinds: identifiers,
            operations,
            at_once: operations,
            style: Style::Even,
            weights: [1, 0, 0, 0, 0],
            record: identifiers,
            keyed: 0.0,
            by_ucid: 0.0,
            stamped: 0.0,
            conditional: 0.0,
            faults: Faults::default(),
        }
    }

    /// The mixture of a seed's dice.
    pub fn swarm(dice: &mut Dice, focus: Focus) -> Self {
        let identifiers = dice.between(3, 6);
        let several = dice.chance(0.25);
        let mut config = Self {
            nodes: dice.between(2, 5),
            orgs: if several { dice.between(1, 2) } else { 1 },
            regions: if several { dice.between(1, 2) } else { 1 },
            identifiers,
            kinds: dice.between(2, identifiers),
            operations: dice.between(4, 12),
            at_once: dice.between(1, 5),
            style: dice.pick(&[Style::Even, Style::Bursts, Style::Ranks]),
            weights: [8, 4, dice.pick(&[0, 1, 3]), 0, dice.pick(&[0, 0, 1])],
            record: dice.between(2, 4),
            keyed: dice.pick(&[0.0, 0.0, 0.3, 0.8]),
            by_ucid: dice.pick(&[0.0, 0.2, 0.4]),
            stamped: dice.pick(&[0.0, 0.2, 0.6]),
            conditional: dice.pick(&[0.0, 0.0, 0.3]),
            faults: Faults::swarm(dice),
        };
        if config.keyed > 0.0 {
            config.weights[3] = 3;
        }
        config.aim(focus);
        config
    }

    fn aim(&mut self, focus: Focus) {
        if focus == Focus::All {
            return;
        }
        (self.orgs, self.regions, self.identifiers, self.kinds) = (1, 1, 3, 3);
        (self.at_once, self.operations) = (self.at_once.max(3), self.operations.max(7));
        (self.keyed, self.conditional, self.by_ucid) = (0.0, 0.0, 0.0);
        self.weights = match focus {
            Focus::Reads => [5, 6, 0, 0, 0],
            Focus::Claims => [1, 0, 0, 0, 0],
            Focus::Erasing => [5, 1, 4, 0, 0],
            Focus::All => self.weights,
        };
    }
}

impl Faults {
    fn swarm(dice: &mut Dice) -> Self {
        if dice.chance(0.15) {
            return Self::default();
        }
        let rate = |dice: &mut Dice, rates: &[f64]| dice.pick(rates);
        Self {
            refuse: rate(dice, &[0.0, 0.0, 0.02]),
            forget: rate(dice, &[0.0, 0.0, 0.04]),
            lose: rate(dice, &[0.0, 0.03, 0.08]),
            late: rate(dice, &[0.0, 0.03, 0.08]),
            lands: rate(dice, &[0.02, 0.1, 0.3]),
            read_fails: rate(dice, &[0.0, 0.0, 0.01]),
            die: rate(dice, &[0.0, 0.01, 0.03]),
            stop: rate(dice, &[0.0, 0.0, 0.005]),
            skew: rate(dice, &[0.0, 0.01]),
            pass: rate(dice, &[0.0, 0.0, 0.01]),
        }
    }
}
