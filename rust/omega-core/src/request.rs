//! What goes out of the core and what comes back.

use crate::ids::{QuestionId, RequestId};
use crate::key::StateKey;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// A question, as the core needs to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionSpec {
    /// The user's name for it; seeds depend on it.
    pub id: String,
    /// Its text; seeds depend on it.
    pub problem: String,
    /// Solutions that came with it.
    pub solutions: Vec<SuppliedSolution>,
}

/// A solution that came with the question, already judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppliedSolution {
    /// The whole text.
    pub text: String,
    /// Its steps' lengths in bytes where the source separates them; empty where the splitter decides.
    pub step_lengths: Vec<u32>,
    /// What the verifier says of it.
    pub verdict: Verdict,
    /// The answer the verifier found.
    pub answer: Option<String>,
    /// Who wrote it.
    pub source: String,
}

/// Work to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Name it in the response.
    pub id: RequestId,
    /// What is wanted.
    pub role: Role,
    /// The state, by content.
    pub state: StateKey,
    /// Which draw from that state this is, from 0; with the state it names the draw for good.
    pub draw: u32,
    /// Seed for this draw alone.
    pub seed: u64,
    /// The solution so far.
    pub prefix: String,
    /// The ids the prefix was generated as, where they are known and the cut fell between two of them.
    pub prefix_tokens: Option<Vec<u32>>,
    /// The longest continuation allowed.
    pub max_new_tokens: u32,
    /// Whether the state is the root.
    pub at_root: bool,
}

/// A draw that a request asks for, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawName {
    /// The request.
    pub id: RequestId,
    /// The state, by content.
    pub state: StateKey,
    /// Which draw from that state this is.
    pub draw: u32,
    /// Whether the state is the root.
    pub at_root: bool,
}

/// A kind of work. Methods bring their own; an engine refuses one it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Continue the prefix to an answer, and judge that.
    Rollout,
}

impl Role {
    /// Its name outside the core.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
        }
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request.
    pub id: RequestId,
    /// The outcome.
    pub outcome: Outcome,
}

/// A judged continuation, or the news that there will be none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It came.
    Rollout(RolloutText),
    /// It will not come; the draw stays paid for, and leaves the denominator.
    Lost,
    /// It was cancelled before it came; only for speculative requests. If a decision has asked for the draw meanwhile,
    /// it is requested again.
    Cancelled,
}

/// A judged continuation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutText {
    /// The continuation alone.
    pub text: String,
    /// The ids it was generated as; empty if there are none.
    pub tokens: Vec<u32>,
    /// For each id, the byte offset of `text` at which it ends, or -1 inside a character.
    pub token_ends: Vec<i32>,
    /// Tokens paid for.
    pub n_tokens: u32,
    /// What the verifier says.
    pub verdict: Verdict,
    /// The answer it found.
    pub answer: Option<String>,
}

/// News of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A first error was located.
    ErrorLocated {
        /// In which question.
        question: QuestionId,
        /// By which of its searches.
        search: u32,
    },
    /// What the first questions showed is learnt; later questions start from it.
    EpochLearnt {
        /// Its number, from 1.
        epoch: u32,
        /// It is learnt from so many questions, the first ones.
        questions: u32,
    },
    /// A question is done; its artifacts are ready.
    SearchFinished {
        /// Which one.
        question: QuestionId,
    },
}
