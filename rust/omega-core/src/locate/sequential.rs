//! Binary search with a sequential probability ratio test at each probe.

use super::{Locate, Next, View, Want};
use crate::stats::{Estimate, StoppingRule};

/// A success proves nothing by itself: a probe ends when a right prefix (success rate .4) is 19 times likelier than
/// a wrong one (.05), or the reverse, or after k draws, when the likelier of the two is taken (Wald 1945).
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequential;

const WRONG_RATE: f64 = 0.05;
const RIGHT_RATE: f64 = 0.4;
const ODDS: f64 = 19.0;

impl Locate for Sequential {
    fn next(&self, view: &View<'_>) -> Next {
        let (mut right, mut wrong) = (0, view.end());
        while wrong - right > 1 {
            let middle = usize::midpoint(right, wrong);
            let estimate = view.estimates[middle];
            if !self.settles(estimate, view.k) {
                return Next::Draw(vec![Want { cut: middle, draws: estimate.drawn() + 1 }]);
            }
            if estimate.n_judged == 0 {
                return Next::Unknown;
            }
            if says_right(estimate) { right = middle } else { wrong = middle }
        }
        Next::Located { step: right }
    }

    fn stopping_rule(&self) -> StoppingRule {
        StoppingRule::Sequential
    }

    fn settles(&self, estimate: Estimate, k: u32) -> bool {
        log_ratio(estimate).abs() >= ODDS.ln() || estimate.drawn() >= k
    }
}

/// Whether the outcomes are likelier from a right prefix.
pub(crate) fn says_right(estimate: Estimate) -> bool {
    log_ratio(estimate) > 0.0
}

fn log_ratio(estimate: Estimate) -> f64 {
    let (successes, failures) = (estimate.n_correct, estimate.n_judged - estimate.n_correct);
    f64::from(successes) * (RIGHT_RATE / WRONG_RATE).ln()
        + f64::from(failures) * ((1.0 - RIGHT_RATE) / (1.0 - WRONG_RATE)).ln()
}
