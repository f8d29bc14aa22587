//! Names for the things of a search. Newtypes, so that a node is never taken for a rollout.

use serde::{Deserialize, Serialize};

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            pub(crate) fn of(position: usize) -> Self {
                Self(u32::try_from(position).expect("a question holds fewer than 2^32 of anything"))
            }

            /// The position in the arena that holds the thing.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A question, numbered in the order it was added to the scheduler.
    QuestionId
);
index!(
    /// A state of one question's tree; the root is 0.
    NodeId
);
index!(
    /// A rollout of one question, numbered in the order it was committed.
    RolloutId
);

impl NodeId {
    /// The state before any step.
    pub const ROOT: Self = Self(0);
}

/// One piece of work: the question, and a number that counts the question's requests of its kind. Those that
/// decisions made are numbered in the order of the decisions, the same in every run of the same configuration,
/// whatever the timing; speculative ones in the order they went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Whose request it is.
    pub question: QuestionId,
    /// 0 for the question's first request of its kind.
    pub sequence: u32,
    /// Whether it went out before a decision asked for it.
    pub speculative: bool,
}

impl RequestId {
    /// A request that a decision asked for.
    pub const fn decided(question: QuestionId, sequence: u32) -> Self {
        Self { question, sequence, speculative: false }
    }

    /// A request that went out before a decision asked for it.
    pub const fn speculative(question: QuestionId, sequence: u32) -> Self {
        Self { question, sequence, speculative: true }
    }
}
