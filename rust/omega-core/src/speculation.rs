//! The account of speculative requests.

use serde::{Deserialize, Serialize};

/// What became of the speculative requests so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speculation {
    /// Handed out.
    pub sent: u64,
    /// Asked for by a decision afterwards.
    pub used: u64,
    /// Confirmed to be cancelled.
    pub cancelled: u64,
    /// Out, and not asked for so far.
    pub out: u64,
}

impl Speculation {
    /// Those that came back and that no decision has asked for so far.
    pub fn unused(&self) -> u64 {
        self.sent - self.used - self.cancelled - self.out
    }
}
