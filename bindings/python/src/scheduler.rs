//! The scheduler, locked and callable from any thread.

use crate::enter::locked;
use crate::errors::exception;
use crate::request::Request;
use crate::response::{Response, read_verdict};
use omega_core::{Config, Event, QuestionId, QuestionSpec, SuppliedSolution, Turns};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Mutex;

/// Decides what to sample for many questions, and what the samples mean. It does no I/O.
///
/// Add questions; then, until `is_done`, have the requests of `poll_requests` answered and hand the answers to
/// `handle_responses`, in any order and any subset. The labels depend on configuration, questions and responses
/// alone. Raises `ConfigError` for a configuration that cannot work.
#[pyclass(frozen, module = "omega_fast._core")]
pub(crate) struct Scheduler {
    pub(crate) inner: Mutex<omega_core::Scheduler>,
}

/// A supplied solution: text, lengths of its steps in UTF-8 bytes or nothing, verdict, answer, source.
type SolutionTuple = (String, Vec<u32>, String, Option<String>, String);

#[pymethods]
impl Scheduler {
    #[new]
    fn new(config: &str) -> PyResult<Self> {
        let config = Config::from_json(config).map_err(exception)?;
        Ok(Self { inner: Mutex::new(omega_core::Scheduler::new(config).map_err(exception)?) })
    }

    /// Queues a question and gives its number. Seeds depend on `id` and `problem`.
    ///
    /// Raises `InputError` if the steps of a solution do not add up to its text.
    #[pyo3(signature = (id, problem, solutions=Vec::new()))]
    fn add_question(
        &self,
        py: Python<'_>,
        id: String,
        problem: String,
        solutions: Vec<SolutionTuple>,
    ) -> PyResult<u32> {
        let solutions = solutions
            .into_iter()
            .map(|(text, step_lengths, verdict, answer, source)| {
                let verdict = read_verdict(&verdict)?;
                Ok(SuppliedSolution { text, step_lengths, verdict, answer, source })
            })
            .collect::<PyResult<_>>()?;
        let spec = QuestionSpec { id, problem, solutions };
        let added = locked(py, &self.inner, |scheduler| scheduler.add_question(spec));
        added.map(|question| question.0).map_err(exception)
    }

    /// How many questions may be open at once; changes memory and speed, and no label.
    fn set_max_open(&self, py: Python<'_>, max_open: usize) {
        locked(py, &self.inner, |scheduler| scheduler.set_max_open(max_open));
    }

    /// Whether the first questions' requests go out before those of later ones, rather than the oldest requests;
    /// changes when questions finish, and no label.
    fn set_first_to_finish(&self, py: Python<'_>, first: bool) {
        let turns = if first { Turns::FirstToFinish } else { Turns::Even };
        locked(py, &self.inner, |scheduler| scheduler.set_turns(turns));
    }

    /// At most `max` requests, oldest first.
    fn poll_requests(&self, py: Python<'_>, max: usize) -> Vec<Request> {
        let requests = locked(py, &self.inner, |scheduler| scheduler.poll_requests(max));
        requests.into_iter().map(Request::from).collect()
    }

    /// At most `max` draws that no decision has asked for yet, likeliest first, for slots that would stand idle.
    fn poll_speculative(&self, py: Python<'_>, max: usize) -> Vec<Request> {
        let requests = locked(py, &self.inner, |scheduler| scheduler.poll_speculative(max));
        requests.into_iter().map(Request::from).collect()
    }

    /// Speculative requests, as (question, sequence), that can no longer matter; answer them with
    /// `Response.cancelled`.
    fn poll_cancels(&self, py: Python<'_>) -> Vec<(u32, u32)> {
        let passed_by = locked(py, &self.inner, omega_core::Scheduler::poll_cancels);
        passed_by.into_iter().map(|id| (id.question.0, id.sequence)).collect()
    }

    /// Takes responses, in any order and any subset, and decides what follows.
    ///
    /// Raises `OmegaError` for a request that is not in flight, `InputError` for token ends that do not fit the text.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from a Python list")]
    fn handle_responses(&self, py: Python<'_>, responses: Vec<PyRef<'_, Response>>) -> PyResult<()> {
        let responses = responses.iter().map(|response| response.inner.clone()).collect();
        locked(py, &self.inner, |scheduler| scheduler.handle_responses(responses)).map_err(exception)
    }

    /// News since the last call: (`error_located`, question, search), (`search_finished`, question, `None`) or
    /// (`epoch_learnt`, epoch, how many questions it is learnt from).
    fn poll_events(&self, py: Python<'_>) -> Vec<(&'static str, u32, Option<u32>)> {
        let events = locked(py, &self.inner, omega_core::Scheduler::poll_events);
        events
            .into_iter()
            .map(|event| match event {
                Event::ErrorLocated { question, search } => ("error_located", question.0, Some(search)),
                Event::SearchFinished { question } => ("search_finished", question.0, None),
                Event::EpochLearnt { epoch, questions } => ("epoch_learnt", epoch, Some(questions)),
            })
            .collect()
    }

    /// The rates learnt in an epoch, as JSON; `None` if it was not learnt.
    fn epoch(&self, py: Python<'_>, epoch: u32) -> Option<String> {
        locked(py, &self.inner, |scheduler| scheduler.epoch(epoch))
    }

    /// Ends an open question where it stands: a draw it waits for has no answer. Raises `OmegaError` if it is not open.
    fn stop(&self, py: Python<'_>, question: u32) -> PyResult<()> {
        locked(py, &self.inner, |scheduler| scheduler.stop(QuestionId(question))).map_err(exception)
    }

    /// Forgets a finished question; gives its artifacts and, as JSON too, its finish, counts, labels and verdicts.
    ///
    /// Raises `OmegaError` if it is not finished.
    fn retire<'py>(&self, py: Python<'py>, question: u32) -> PyResult<(Bound<'py, PyBytes>, String)> {
        let retired = locked(py, &self.inner, |scheduler| {
            scheduler.retire(QuestionId(question)).map(|it| (it.to_json(), it.tally().to_json()))
        });
        let (artifacts, tally) = retired.map_err(exception)?;
        Ok((PyBytes::new(py, &artifacts), tally))
    }

    /// Speculative requests so far: handed out, asked for by a decision since, cancelled, come back unasked for.
    #[getter]
    fn speculation(&self, py: Python<'_>) -> (u64, u64, u64, u64) {
        let so_far = locked(py, &self.inner, |scheduler| scheduler.speculation());
        (so_far.sent, so_far.used, so_far.cancelled, so_far.unused())
    }

    /// Requests handed out and not answered.
    #[getter]
    fn in_flight(&self, py: Python<'_>) -> usize {
        locked(py, &self.inner, |scheduler| scheduler.in_flight())
    }

    /// Whether every question added so far is finished.
    #[getter]
    fn is_done(&self, py: Python<'_>) -> bool {
        locked(py, &self.inner, |scheduler| scheduler.is_done())
    }
}
