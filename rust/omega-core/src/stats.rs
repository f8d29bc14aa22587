//! Monte Carlo estimates of a state's value.

use crate::verdict::Mark;
use serde::{Deserialize, Serialize};

/// When the sampling behind an estimate ended; it decides which estimator is unbiased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppingRule {
    /// Nothing was drawn.
    #[default]
    None,
    /// A number of draws fixed beforehand: c/n is unbiased.
    Fixed,
    /// At the first success, or a cap: c/n is biased upwards; (r-1)/(n-1) is the inverse-sampling estimator.
    FirstSuccess,
    /// A budget ended it early.
    Budget,
    /// When the posterior over a first error was sure enough, or a cap: c/n is biased.
    Posterior,
    /// When a test between right and wrong was sure enough, or a cap: c/n is biased.
    Sequential,
}

/// What is known of a state from continuations launched at it, and from nothing else
/// (`OmegaPRM`, arXiv 2406.06592, section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Continuations that reached the right answer.
    pub n_correct: u32,
    /// Continuations that were judged: the denominator.
    pub n_judged: u32,
    /// Continuations that were lost or that the checker could not judge.
    pub n_excluded: u32,
    /// Why sampling stopped.
    pub rule: StoppingRule,
}

/// What a model makes of V(s), the chance that a continuation of s ends right: no Monte Carlo estimate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The posterior mean.
    pub mean: f64,
    /// Where the central 95 % of the posterior begin, rounded down to a thousandth.
    pub low: f64,
    /// Where they end, rounded up.
    pub high: f64,
}

impl Estimate {
    /// Draws made, judged or not.
    pub fn drawn(self) -> u32 {
        self.n_judged + self.n_excluded
    }

    /// MC(s) = correct / judged; `None` if nothing was judged.
    pub fn mc(self) -> Option<f64> {
        (self.n_judged > 0).then(|| f64::from(self.n_correct) / f64::from(self.n_judged))
    }

    /// Whether some continuations succeeded and some failed.
    pub fn is_mixed(self) -> bool {
        0 < self.n_correct && self.n_correct < self.n_judged
    }

    pub(crate) fn add(&mut self, mark: Mark) {
        match mark {
            Mark::Right => {
                self.n_correct += 1;
                self.n_judged += 1;
            }
            Mark::Wrong => self.n_judged += 1,
            Mark::Excluded => self.n_excluded += 1,
        }
    }
}
