//! Names that depend on content alone: one for every state, one seed for every draw.

use serde::{Deserialize, Serialize};
use std::fmt;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

/// A state by content: 128 bits over the bytes of the solution prefix (XXH3). Two prefixes with the same bytes are
/// the same state, however they were cut or sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateKey(pub u128);

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Hashes a growing prefix, giving the key at every cut on the way.
pub(crate) struct KeyBuilder(Xxh3);

impl KeyBuilder {
    pub(crate) fn new() -> Self {
        Self(Xxh3::new())
    }

    pub(crate) fn push(&mut self, step: &str) {
        self.0.update(step.as_bytes());
    }

    pub(crate) fn key(&self) -> StateKey {
        StateKey(self.0.digest128())
    }
}

/// A question by content, the part of every seed that is its own. Does not depend on its position in the input.
pub(crate) fn question_key(id: &str, problem: &str) -> u64 {
    xxh3_64_with_seed(problem.as_bytes(), xxh3_64(id.as_bytes()))
}

/// The seed of draw `draw` from `state`: 63 bits, so that it fits every engine's signed integer.
pub(crate) fn draw_seed(run_seed: u64, question: u64, state: StateKey, draw: u32) -> u64 {
    let mut bytes = [0_u8; 28];
    bytes[..8].copy_from_slice(&question.to_le_bytes());
    bytes[8..24].copy_from_slice(&state.0.to_le_bytes());
    bytes[24..].copy_from_slice(&draw.to_le_bytes());
    xxh3_64_with_seed(&bytes, run_seed) >> 1
}
