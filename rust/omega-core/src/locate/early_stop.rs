//! Binary search that draws one continuation at a time and leaves a probe at its first success.

use super::{Locate, Next, View, bisect};
use crate::stats::{Estimate, StoppingRule};

/// The decisions of `Binary` at a fraction of its draws on right prefixes; estimates are biased (inverse sampling).
#[derive(Clone, Copy, Debug)]
pub(super) struct EarlyStop;

impl Locate for EarlyStop {
    fn next(&self, view: &View<'_>) -> Next {
        bisect(view, |estimate| estimate.drawn() + 1)
    }

    fn stopping_rule(&self) -> StoppingRule {
        StoppingRule::FirstSuccess
    }

    fn settles(&self, estimate: Estimate, k: u32) -> bool {
        estimate.n_correct > 0 || estimate.drawn() >= k
    }
}
