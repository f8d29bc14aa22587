//! What became of a request.

use crate::errors::InputError;
use crate::request::Request;
use omega_core::{Outcome, RolloutText, Verdict};
use pyo3::prelude::*;

/// The answer to a `Request`: a judged continuation, or the news that there will be none.
#[pyclass(frozen, module = "omega_fast._core")]
pub(crate) struct Response {
    pub(crate) inner: omega_core::Response,
}

#[pymethods]
impl Response {
    /// A judged continuation.
    ///
    /// `token_ends[i]` is the offset in UTF-8 bytes of `text` at which token i ends, or -1 inside a character.
    /// Raises `InputError` for an unknown verdict.
    #[staticmethod]
    #[pyo3(signature = (request, *, text, token_ids, token_ends, n_tokens, verdict, answer))]
    fn rollout(
        request: &Request,
        text: String,
        token_ids: Vec<u32>,
        token_ends: Vec<i32>,
        n_tokens: u32,
        verdict: &str,
        answer: Option<String>,
    ) -> PyResult<Self> {
        let verdict = read_verdict(verdict)?;
        let rollout = RolloutText { text, tokens: token_ids, token_ends, n_tokens, verdict, answer };
        Ok(Self { inner: omega_core::Response { id: request.id(), outcome: Outcome::Rollout(rollout) } })
    }

    /// No continuation will come. The draw stays paid for and leaves the denominator.
    #[staticmethod]
    fn lost(request: &Request) -> Self {
        Self { inner: omega_core::Response { id: request.id(), outcome: Outcome::Lost } }
    }

    /// Nobody works on the request any more; for speculative ones alone.
    #[staticmethod]
    fn cancelled(request: &Request) -> Self {
        Self { inner: omega_core::Response { id: request.id(), outcome: Outcome::Cancelled } }
    }
}

pub(crate) fn read_verdict(name: &str) -> PyResult<Verdict> {
    serde_json::from_value(serde_json::Value::from(name))
        .map_err(|_| InputError::new_err(format!("{name:?} is no verdict")))
}
