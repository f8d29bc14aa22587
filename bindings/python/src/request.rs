//! Work the scheduler hands out.

use omega_core::{QuestionId, RequestId, StateKey};
use omega_log::Asked;
use pyo3::prelude::*;

/// A continuation the search wants. Answer it with a `Response` made from it.
#[pyclass(frozen, get_all, module = "omega_fast._core")]
pub(crate) struct Request {
    /// Number of the question, as `Scheduler.add_question` gave it.
    question: u32,
    /// Position among the question's requests of its kind, speculative or not, from 0.
    sequence: u32,
    /// Whether no decision had asked for it when it was handed out.
    speculative: bool,
    /// What is wanted: `rollout`.
    role: &'static str,
    /// The state's key: 32 hexadecimal digits over the bytes of the prefix.
    state: String,
    /// Which draw from that state, from 0.
    draw: u32,
    /// Seed for this draw alone, below 2**63.
    seed: u64,
    /// The solution so far.
    prefix: String,
    /// The ids the prefix was generated as; `None` if they are unknown or the cut fell inside a token.
    prefix_tokens: Option<Vec<u32>>,
    /// The longest continuation allowed, in tokens.
    max_new_tokens: u32,
    /// Whether the prefix is empty.
    at_root: bool,
}

impl From<omega_core::Request> for Request {
    fn from(it: omega_core::Request) -> Self {
        let (state, role) = (it.state.to_string(), it.role.name());
        let RequestId { question, sequence, speculative } = it.id;
        let omega_core::Request { draw, seed, prefix, prefix_tokens, max_new_tokens, at_root, .. } = it;
        let question = question.0;
        Self {
            question,
            sequence,
            speculative,
            role,
            state,
            draw,
            seed,
            prefix,
            prefix_tokens,
            max_new_tokens,
            at_root,
        }
    }
}

impl Request {
    pub(crate) fn id(&self) -> RequestId {
        let Self { question, sequence, speculative, .. } = *self;
        RequestId { question: QuestionId(question), sequence, speculative }
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        let state = u128::from_str_radix(&self.state, 16).map(StateKey).expect("it was made from a key");
        Asked { id: self.id(), state, draw: self.draw, prefix_tokens: self.prefix_tokens.as_deref() }
    }
}
