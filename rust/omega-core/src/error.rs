//! The one error type of the core.

use crate::ids::{QuestionId, RequestId};

/// What the core refuses, and why.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot work.
    #[error("{field}: {problem}")]
    Config {
        /// The setting, by its path in the configuration.
        field: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// Configuration text that cannot be read.
    #[error("configuration: {0}")]
    ConfigText(String),
    /// A response to a request that was never made, or was answered before.
    #[error("response to request {}/{} that is not in flight", .0.question.0, .0.sequence)]
    NotInFlight(RequestId),
    /// A question that is not open.
    #[error("question {} is not open", .0.0)]
    NotOpen(QuestionId),
    /// Token ends that do not describe the text they came with, or more tokens than a token budget set aside.
    #[error("response to request {}/{}: {problem}", .id.question.0, .id.sequence)]
    Malformed {
        /// The request that was answered.
        id: RequestId,
        /// What does not fit.
        problem: String,
    },
    /// Steps of a supplied solution that do not add up to its text.
    #[error("supplied solution {index}: {problem}")]
    Solution {
        /// Its position among the question's solutions.
        index: usize,
        /// What does not fit.
        problem: String,
    },
    /// Columns of a table of answers that do not fit each other.
    #[error("{0}")]
    Columns(String),
    /// Bytes that are no snapshot of this version.
    #[error("snapshot: {0}")]
    Snapshot(String),
}
