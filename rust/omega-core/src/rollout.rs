//! Continuations that came back, and solutions that came with the question.

use crate::ids::NodeId;
use crate::text::{Span, TokenSpan};
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// A text from a state to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Rollout {
    /// The state it was launched from.
    pub(crate) node: NodeId,
    pub(crate) text: Span,
    pub(crate) tokens: Option<TokenSpan>,
    pub(crate) n_tokens: u32,
    pub(crate) verdict: Verdict,
    pub(crate) answer: Option<String>,
    pub(crate) origin: Origin,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// Sampled: which draw of its state.
    Policy { draw: u32 },
    /// Supplied by this source, with these step ends if the source separated the steps.
    Supplied { source: String, cuts: Vec<u32> },
}
