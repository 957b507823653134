//! Dice of the simulator's own: the same seed gives the same throws for ever, on every machine.

/// A stream of numbers under a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x6f6e_6566_6f6c_6400))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        // The product's high half: even enough for any `end` that is met here, and without a division.
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// A number from `low` up to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.bits() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Takes `count` of them away at random, or all if there are fewer.
    pub fn take<T>(&mut self, from: &mut Vec<T>, count: usize) -> Vec<T> {
        let count = count.min(from.len());
        (0..count).map(|_| from.swap_remove(self.below(from.len()))).collect()
    }
}

/// Spreads every bit of a number over all of them.
pub fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
