//! A run's log: lines checked, recorded responses handed to the scheduler.

use crate::enter::locked;
use crate::errors::{StoreError, exception};
use crate::request::Request;
use crate::response::Response;
use crate::scheduler::Scheduler;
use omega_log::{Chain, Checked, check, read};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use std::sync::Mutex;

/// The good lines that some bytes of a log begin with: `most` at most, the first following the line with hash `chain`.
///
/// What records of responses among them say is read too if `responses`, for `Recorded`. Raises `StoreError` for one that
/// is not what this version writes.
#[pyclass(frozen, module = "omega_fast._core")]
pub(crate) struct LogLines {
    bytes: PyBackedBytes,
    checked: Checked,
    responses: Mutex<Vec<omega_log::Response>>,
}

#[pymethods]
impl LogLines {
    #[new]
    #[pyo3(signature = (bytes, chain, most=usize::MAX, *, responses=false))]
    fn new(
        py: Python<'_>,
        bytes: PyBackedBytes,
        chain: Chain,
        most: usize,
        responses: bool,
    ) -> PyResult<Self> {
        let checked = py.detach(|| check(&bytes, chain, most));
        let found = if responses { py.detach(|| read(&bytes, &checked.lines)) } else { Ok(Vec::new()) };
        Ok(Self { bytes, checked, responses: Mutex::new(found.map_err(StoreError::new_err)?) })
    }

    /// Lines, the bytes they take, the hash of the last, and why the line after them is damaged, or `None`.
    #[getter]
    fn reach<'py>(&self, py: Python<'py>) -> (usize, usize, Bound<'py, PyBytes>, Option<&'static str>) {
        let Checked { lines, length, chain, damage } = &self.checked;
        (lines.len(), *length, PyBytes::new(py, chain), *damage)
    }

    /// Their payloads, or those of some kinds of records alone.
    #[pyo3(signature = (kinds=None))]
    #[expect(clippy::needless_pass_by_value, reason = "extracted from a Python collection")]
    fn payloads<'py>(&self, py: Python<'py>, kinds: Option<Vec<String>>) -> Vec<Bound<'py, PyBytes>> {
        let wanted =
            |kind: &[u8]| kinds.as_ref().is_none_or(|all| all.iter().any(|it| it.as_bytes() == kind));
        let lines = self.checked.lines.iter().filter(|line| wanted(line.kind(&self.bytes)));
        lines.map(|line| PyBytes::new(py, &[line.open_payload(&self.bytes), b"}"].concat())).collect()
    }
}

/// Answers the requests of a scheduler from a log, as far as it reaches; `questions` are its ids in their order there.
#[pyclass(frozen, module = "omega_fast._core")]
pub(crate) struct Recorded {
    inner: Mutex<omega_log::Recorded>,
}

#[pymethods]
impl Recorded {
    #[new]
    fn new(questions: Vec<String>, version: String) -> Self {
        Self { inner: Mutex::new(omega_log::Recorded::new(questions, version)) }
    }

    /// Takes note of last verdicts, where a log has several on a draw, before `feed`.
    fn note_last_words(&self, py: Python<'_>, lines: &LogLines) {
        let responses = locked(py, &lines.responses, std::mem::take);
        locked(py, &self.inner, |recorded| recorded.note_last_words(responses));
    }

    /// Hands the scheduler what it asks for and keeps the rest.
    ///
    /// Gives lost draws from questions themselves, as (question, draw), and what was paid by question id: rollouts, tokens
    /// by our own counts; as billed, tokens of prompts, of these cached, and generated.
    fn feed(&self, py: Python<'_>, scheduler: &Scheduler, lines: &LogLines) -> PyResult<Fed> {
        let responses = locked(py, &lines.responses, std::mem::take);
        let fed = locked(py, &self.inner, |recorded| {
            let mut scheduler = scheduler.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            recorded.feed(&mut scheduler, responses)
        });
        let told = fed.map_err(exception)?;
        let lost = told.lost_at_root.into_iter().map(|(question, draw)| (question.0, draw)).collect();
        Ok((lost, told.paid.into_iter().collect()))
    }

    /// The recorded answer to a request, and whether it is that the draw is lost; `None` if there is none.
    fn answer(&self, py: Python<'_>, request: &Request) -> Option<(Response, bool)> {
        let inner = locked(py, &self.inner, |recorded| recorded.answer(request.asked()))?;
        let lost = inner.outcome == omega_core::Outcome::Lost;
        Some((Response { inner }, lost))
    }

    /// A recorded rollout that nobody judged: the digest of its ids if made early, text, ids, ends, tokens, tokens before it, why it ended.
    fn take_unjudged(&self, py: Python<'_>, request: &Request) -> Option<Unjudged> {
        let it = locked(py, &self.inner, |recorded| recorded.take_unjudged(request.asked()))?;
        Some((
            it.early_prefix,
            it.text,
            it.token_ids,
            it.token_ends,
            it.n_tokens,
            it.n_prompt_tokens,
            it.finish,
        ))
    }

    /// Requests polled here from this scheduler that the log does not answer, oldest first; the engine has to.
    fn take_unclaimed(&self, py: Python<'_>, scheduler: &Scheduler) -> Vec<Request> {
        let requests = locked(py, &self.inner, |recorded| {
            let scheduler = scheduler.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            recorded.take_unclaimed(&scheduler)
        });
        requests.into_iter().map(Request::from).collect()
    }

    /// Rollouts in the log, the tokens they took, responses handed to the scheduler.
    #[getter]
    fn counts(&self, py: Python<'_>) -> (u64, u64, u64) {
        locked(py, &self.inner, |recorded| (recorded.rollouts, recorded.tokens, recorded.answered))
    }
}

type Fed = (Vec<(u32, u32)>, Vec<(String, omega_log::Paid)>);
type Unjudged = (Option<u32>, String, Vec<u32>, Vec<i32>, u32, u32, String);
