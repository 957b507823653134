//! Time and randomness, as the rest of the crate sees them: two traits, no system calls.

/// Milliseconds since the Unix epoch.
pub type Ms = u64;

/// The node's clock. It may be wrong by seconds and may step back; nothing here relies on more.
pub trait Clock: Send + Sync + 'static {
    /// Now, in milliseconds since the Unix epoch.
    fn now(&self) -> Ms;
}

/// The node's source of randomness.
pub trait Entropy: Send + Sync + 'static {
    /// 128 fresh random bits.
    fn bits(&self) -> u128;
}
