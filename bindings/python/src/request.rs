//! Work the scheduler hands out.

use pyo3::prelude::*;

/// A continuation the search wants. Answer it with a `Response` made from it.
#[pyclass(frozen, module = "omega_fast._core")]
pub(crate) struct Request {
    pub(crate) inner: omega_core::Request,
    state: String,
}

impl From<omega_core::Request> for Request {
    fn from(inner: omega_core::Request) -> Self {
        let state = inner.state.to_string();
        Self { inner, state }
    }
}

#[pymethods]
impl Request {
    /// Number of the question, as `Scheduler.add_question` gave it.
    #[getter]
    fn question(&self) -> u32 {
        self.inner.id.question.0
    }

    /// Position among the question's requests of its kind, speculative or not, from 0.
    #[getter]
    fn sequence(&self) -> u32 {
        self.inner.id.sequence
    }

    /// Whether no decision had asked for it when it was handed out.
    #[getter]
    fn speculative(&self) -> bool {
        self.inner.id.speculative
    }

    /// What is wanted: `rollout`.
    #[getter]
    fn role(&self) -> &'static str {
        self.inner.role.name()
    }

    /// The state's key: 32 hexadecimal digits over the bytes of the prefix.
    #[getter]
    fn state(&self) -> &str {
        &self.state
    }

    /// Which draw from that state, from 0.
    #[getter]
    fn draw(&self) -> u32 {
        self.inner.draw
    }

    /// Seed for this draw alone, below 2**63.
    #[getter]
    fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// The solution so far.
    #[getter]
    fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    /// The ids the prefix was generated as; `None` if they are unknown or the cut fell inside a token.
    #[getter]
    fn prefix_tokens(&self) -> Option<Vec<u32>> {
        self.inner.prefix_tokens.clone()
    }

    /// The longest continuation allowed, in tokens.
    #[getter]
    fn max_new_tokens(&self) -> u32 {
        self.inner.max_new_tokens
    }

    /// Whether the prefix is empty.
    #[getter]
    fn at_root(&self) -> bool {
        self.inner.at_root
    }

    fn __repr__(&self) -> String {
        let omega_core::Request { id, draw, .. } = &self.inner;
        format!(
            "Request(question={}, sequence={}, state={}, draw={draw})",
            id.question.0, id.sequence, self.state
        )
    }
}
