//! The explicit output of a search: the tree, the labels with their counts, and how each error was found.

use crate::stats::{StoppingRule, Value};
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything one question's search has to say. Serialises to the same bytes whenever the search was the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchArtifacts {
    /// Why the search ended.
    pub finish: Finish,
    /// What it cost and found.
    pub counts: Counts,
    /// The states, parents before children; a state's position is its id.
    pub nodes: Vec<StateLabel>,
    /// Every text that came back or was supplied, in the order of commitment.
    pub rollouts: Vec<RolloutRecord>,
    /// Every search for a first error, in order.
    pub searches: Vec<SearchRecord>,
    /// The epoch of learnt rates that the posteriors started from; none without posteriors.
    pub epoch: Option<u32>,
}

impl SearchArtifacts {
    /// Canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("artifacts hold nothing JSON cannot")
    }

    /// What of them a run sums up.
    pub fn tally(&self) -> Tally {
        let mut verdicts = BTreeMap::new();
        for rollout in self.rollouts.iter().filter(|rollout| rollout.draw.is_some()) {
            *verdicts.entry(rollout.verdict).or_default() += 1;
        }
        let labels = self.nodes.iter().filter(|node| node.hard.is_some()).count();
        let labels = u32::try_from(labels).expect("states are numbered by 32 bits");
        Tally { finish: self.finish, counts: self.counts, labels, verdicts }
    }
}

/// What a run sums up of a question's artifacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Why the search ended.
    pub finish: Finish,
    /// What it cost and found.
    pub counts: Counts,
    /// States with a hard label.
    pub labels: u32,
    /// Draws by verdict.
    pub verdicts: BTreeMap<Verdict, u32>,
}

impl Tally {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a tally is plain data")
    }
}

/// Why a question's search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// No wrong rollout of a mixed state is left.
    PoolEmpty,
    /// The configured number of searches was made.
    SearchLimit,
    /// The next probe would exceed the rollout budget.
    RolloutBudget,
    /// The next draw could exceed the token budget.
    TokenBudget,
    /// Every judged draw from the root is right: nothing to find.
    RootAllRight,
    /// None is: the policy cannot tell right prefixes from wrong ones here.
    RootAllWrong,
    /// No draw from the root could be judged.
    RootUnjudged,
    /// Every supplied solution was searched.
    SolutionsDone,
    /// It was stopped: a draw it asked for has no answer, as where recorded responses end.
    Unanswered,
}

/// What a search cost and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Draws asked for, lost ones included.
    pub rollouts: u32,
    /// Tokens generated.
    pub tokens: u64,
    /// Searches for a first error.
    pub searches: u32,
    /// Those that found it.
    pub located: u32,
    /// Draws that no estimate counts: lost, or not judged.
    pub excluded: u32,
    /// Requests whose prefix had to be tokenised again from its text.
    pub retokenised: u32,
}

/// A state, the step that led to it, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateLabel {
    /// Its position in `nodes`.
    pub id: u32,
    /// The state before the step; none for the root.
    pub parent: Option<u32>,
    /// Steps from the root.
    pub depth: u32,
    /// The step's text with its separator.
    pub step: String,
    /// The state's key, 32 hexadecimal digits.
    pub state: String,
    /// Continuations launched here that reached the right answer.
    pub n_correct: u32,
    /// Continuations launched here that were judged.
    pub n_rollouts: u32,
    /// Continuations launched here that were not.
    pub n_excluded: u32,
    /// When sampling stopped.
    pub stopping_rule: StoppingRule,
    /// N(s).
    pub visits: u32,
    /// MC(s); none if nothing was judged.
    pub mc: Option<f64>,
    /// Whether the prefix is right, as far as the rule below tells.
    pub hard: Option<bool>,
    /// Where the hard label comes from.
    pub hard_rule: Option<HardRule>,
    /// How probable the hard label is, where a posterior says so.
    pub confidence: Option<f64>,
    /// Draws of a number fixed beforehand, made here for a soft label alone; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft: Option<SoftDraws>,
    /// What a posterior makes of the chance that a continuation ends right; absent where none spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// Draws of a number fixed beforehand, apart from those that decided: c/n is unbiased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftDraws {
    /// Those that reached the right answer.
    pub n_correct: u32,
    /// Those that were judged.
    pub n_rollouts: u32,
}

/// Where a hard label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardRule {
    /// Right if MC > 0, wrong if MC = 0 after all draws.
    Mc,
    /// Right because a longer prefix of the same solution is.
    BeforeRightPrefix,
    /// Right because a solution that goes through it has the right answer, and was launched from a right prefix.
    RightFinalAnswer,
    /// Wrong because it ends a solution whose answer is wrong while the prefix before it is right.
    WrongFinalAnswer,
    /// The posterior over first errors is sure enough.
    Posterior,
}

/// A text that came back or was supplied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// Its position in `rollouts`.
    pub id: u32,
    /// The state it was launched from.
    pub node: u32,
    /// Which draw of that state, from 0; from 2^31 those for its soft label alone. None if supplied.
    pub draw: Option<u32>,
    /// The seed of that draw; none if supplied.
    pub seed: Option<u64>,
    /// The continuation alone.
    pub text: String,
    /// The verifier's word.
    pub verdict: Verdict,
    /// The answer it found.
    pub answer: Option<String>,
    /// Tokens paid for.
    pub n_tokens: u32,
    /// `policy`, or `supplied:` and the source's name.
    pub source: String,
}

/// One search for the first error of one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchRecord {
    /// Its position in `searches`.
    pub index: u32,
    /// The state the rollout was launched from.
    pub node: u32,
    /// The rollout searched.
    pub rollout: u32,
    /// States drawn from for this search, in order.
    pub probes: Vec<u32>,
    /// Whether the error was found.
    pub outcome: SearchOutcome,
    /// If not, why.
    pub reason: Option<Unlocated>,
    /// The last right prefix.
    pub right_node: Option<u32>,
    /// The first wrong one; its step is the first error.
    pub error_node: Option<u32>,
    /// Position of that step in the whole solution, from 0.
    pub error_step: Option<u32>,
    /// How probable every step of the whole solution is its first error; empty without a posterior.
    pub posterior: Vec<f64>,
}

/// Whether a search found its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchOutcome {
    /// It did.
    Located,
    /// It did not.
    NotLocated,
}

/// Why a search did not find an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlocated {
    /// A probe could not be paid for.
    RolloutBudget,
    /// A draw could not be paid for.
    TokenBudget,
    /// Every step is right; the solution stops before its answer.
    StoppedEarly,
    /// No prefix was ever completed, the launching state included: the policy cannot tell.
    LaunchStateUnsolved,
    /// Nothing drawn at a probed state could be judged.
    Unjudged,
    /// The solution's own answer is right.
    FinalAnswerRight,
    /// The solution has no text.
    Empty,
    /// The posterior was not sure enough when its draws were spent, or the error lies before the launching state.
    Undecided,
    /// The search of its question was stopped: a draw has no answer.
    Unanswered,
}
