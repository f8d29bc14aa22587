//! Verdicts on rollouts, and what an estimate makes of them.

use serde::{Deserialize, Serialize};

/// What became of a rollout's answer. The first four are the policy's doing, the last three the checker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The answer equals the gold answer.
    Correct,
    /// It does not.
    Wrong,
    /// The rollout ended by itself without giving an answer.
    NoAnswer,
    /// The rollout met the token limit.
    Truncated,
    /// The checker ran out of time.
    Timeout,
    /// The checker died.
    Crash,
    /// The checker cannot judge this kind of answer.
    Unsupported,
}

impl Verdict {
    /// Whether the rollout came to an answer: its last step is then the end of a solution.
    pub fn is_finished(self) -> bool {
        !matches!(self, Self::NoAnswer | Self::Truncated)
    }
}

/// How a rollout without an answer counts in an estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unanswered {
    /// As a wrong answer.
    #[default]
    Wrong,
    /// Not at all.
    Exclude,
}

/// What one rollout adds to the estimate of the state it was launched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mark {
    Right,
    Wrong,
    Excluded,
}

/// The rule that turns verdicts into marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Judging {
    /// How `no_answer` counts.
    pub no_answer: Unanswered,
    /// How `truncated` counts.
    pub truncated: Unanswered,
}

impl Judging {
    pub(crate) fn mark(self, verdict: Verdict) -> Mark {
        let unanswered = |rule| match rule {
            Unanswered::Wrong => Mark::Wrong,
            Unanswered::Exclude => Mark::Excluded,
        };
        match verdict {
            Verdict::Correct => Mark::Right,
            Verdict::Wrong => Mark::Wrong,
            Verdict::NoAnswer => unanswered(self.no_answer),
            Verdict::Truncated => unanswered(self.truncated),
            Verdict::Timeout | Verdict::Crash | Verdict::Unsupported => Mark::Excluded,
        }
    }
}
