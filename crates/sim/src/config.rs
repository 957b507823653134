//! What a history is made of: a different mixture for each seed, since bugs hide from the average.

use crate::dice::Dice;
use onefold_core::rules::{Blocklist, Rules};
use onefold_core::strategy::{Class, Contested, KindRule, Mode, Strategy};
use std::sync::Arc;

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
    /// Merges that are undone.
    Splits,
    /// Other strategies than the literal rule: moving, former, shared, blocked and expiring values.
    Strategies,
    /// The same, one request after another, against an oracle that says what each must come to.
    Oracle,
    /// Deletes after which nobody may come back until that is lifted.
    Suppressing,
}

impl Focus {
    /// All of them.
    pub const ALL: &'static [Focus] = &[
        Focus::All,
        Focus::Reads,
        Focus::Claims,
        Focus::Erasing,
        Focus::Splits,
        Focus::Strategies,
        Focus::Oracle,
        Focus::Suppressing,
    ];
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
    /// By what rules records are resolved.
    pub rules: Arc<Rules>,
    /// Patterns of values that name nobody, beside those from the start.
    pub blocked: Vec<Box<str>>,
    /// Whether every identifier identifies: then the model says beforehand what every row must hold.
    pub literal: bool,
    /// Whether every second search finds all who share a value, too.
    pub shared: bool,
    /// Whether deletes are for good, two of three.
    pub suppress: bool,
    /// Weights of upsert, fetch, delete, repeat, sweep, split, lift, allow.
    pub weights: [usize; 8],
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
    /// Before a step: more than a minute passes, and all that was under way is over.
    pub pass: f64,
    /// How much passes then, in milliseconds.
    pub passes: u64,
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
            rules: Arc::new(Rules::literal()),
            blocked: Vec::new(),
            literal: true,
            shared: false,
            suppress: false,
            weights: [1, 0, 0, 0, 0, 0, 0, 0],
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
            rules: Arc::new(Rules::literal()),
            blocked: Vec::new(),
            literal: true,
            shared: false,
            suppress: false,
            weights: [8, 4, dice.pick(&[0, 1, 3]), 0, dice.pick(&[0, 0, 1]), 0, 0, 0],
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
        if !matches!(focus, Focus::Reads | Focus::Claims | Focus::Erasing) {
            return;
        }
        (self.orgs, self.regions, self.identifiers, self.kinds) = (1, 1, 3, 3);
        (self.at_once, self.operations) = (self.at_once.max(3), self.operations.max(7));
        (self.keyed, self.conditional, self.by_ucid) = (0.0, 0.0, 0.0);
        self.weights = match focus {
            Focus::Reads => [5, 6, 0, 0, 0, 0, 0, 0],
            Focus::Claims => [1, 0, 0, 0, 0, 0, 0, 0],
            Focus::Erasing => [5, 1, 4, 0, 0, 0, 0, 0],
            _ => self.weights,
        };
    }
}

impl Config {
    /// What a seed's other dice make of the mixture: splits, strategies, or nothing.
    pub fn turn(&mut self, dice: &mut Dice, focus: Focus) {
        let (splits, strategies) = match focus {
            Focus::All => dice.pick(&[(false, false), (false, false), (true, false), (false, true), (true, true)]),
            Focus::Splits => (true, false),
            Focus::Strategies | Focus::Oracle => (dice.chance(0.5), true),
            Focus::Reads | Focus::Claims | Focus::Erasing => (false, false),
            Focus::Suppressing => (dice.chance(0.2), dice.chance(0.6)),
        };
        if matches!(focus, Focus::Splits | Focus::Strategies) && dice.chance(0.7) {
            (self.orgs, self.regions, self.identifiers, self.kinds) = (1, 1, 4, 4);
            (self.at_once, self.operations) = (self.at_once.max(3), self.operations.max(9));
            self.by_ucid = 0.0;
        }
        if splits {
            (self.weights[5], self.weights[6]) = (dice.between(2, 4), dice.pick(&[0, 0, 1]));
            self.operations += 3;
        }
        if strategies {
            self.strategy(dice);
        }
        if focus == Focus::Suppressing {
            self.suppress = true;
            self.identifiers = self.identifiers.min(4);
            self.kinds = self.kinds.min(self.identifiers);
            (self.weights[2], self.weights[7]) = (dice.between(2, 4), dice.pick(&[0, 1, 2]));
            self.operations += 4;
            if dice.chance(0.2) {
                self.one_by_one();
            }
        }
        if focus == Focus::Oracle {
            self.one_by_one();
            self.operations += 6;
        }
    }

    /// One request after another, and nothing goes wrong.
    fn one_by_one(&mut self) {
        (self.at_once, self.keyed, self.conditional) = (1, 0.0, 0.0);
        self.faults = Faults { pass: self.faults.pass, passes: self.faults.passes, ..Faults::default() };
        self.weights[3] = 0;
    }

    /// The same under a custom strategy of these kinds.
    pub fn under(mut self, kinds: Vec<KindRule>) -> Self {
        (self.literal, self.kinds) = (false, kinds.len());
        let strategy = Strategy { version: 2, mode: Mode::Custom { kinds } };
        self.rules = Arc::new(Rules { strategy, ..Rules::default() });
        self
    }

    /// One of many strategies, by dice.
    pub(crate) fn strategy(&mut self, dice: &mut Dice) {
        self.literal = false;
        self.shared = dice.chance(0.5);
        self.kinds = dice.between(2, self.identifiers.min(3));
        let ttl = dice.chance(0.3);
        let mode = if dice.chance(0.25) {
            Mode::Default { exclusive: vec!["kind0".into()] }
        } else {
            Mode::Custom { kinds: (0..self.kinds).map(|kind| kind_rule(dice, kind, ttl)).collect() }
        };
        if ttl && (self.faults.pass > 0.0 || dice.chance(0.5)) {
            // Nothing lasts as long as an hour, and no clock is as wrong: whatever is a day old has left everywhere.
            (self.faults.pass, self.faults.passes) = (self.faults.pass.max(0.02), 25 * 3_600 * 1_000);
            // By then an idempotency key may be used anew.
            (self.keyed, self.weights[3]) = (0.0, 0);
        }
        // A pattern, since the rows of a history hold no identifiers but in profiles.
        let blocked: Vec<Box<str>> = dice.chance(0.2).then(|| "^id[~]0[~]$".into()).into_iter().collect();
        self.blocked = blocked.clone();
        self.rules = Arc::new(Rules {
            strategy: Strategy { version: 2, mode },
            blocked: Arc::new(Blocklist::new(Vec::new(), &blocked).unwrap_or_default()),
            ..Rules::default()
        });
    }
}

/// Mostly what strategies are made of: primaries, of some of which one value is kept.
fn kind_rule(dice: &mut Dice, kind: usize, ttl: bool) -> KindRule {
    let class = dice.pick(&[Class::Primary, Class::Primary, Class::Primary, Class::Secondary, Class::Disabled]);
    KindRule {
        kind: format!("kind{kind}").into(),
        class: if kind == 0 { Class::Primary } else { class },
        priority: dice.between(1, 3) as u8,
        keep: dice.pick(&[None, Some(1), Some(1), Some(2)]),
        contested: dice.pick(&[Contested::Stay, Contested::Move]),
        ttl_days: (ttl && dice.chance(0.6)).then_some(1),
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
            passes: 61_000,
        }
    }
}
