//! Binary search as published: k draws a probe, and one success among them makes the prefix right.

use super::{Locate, Next, View, bisect};
use crate::stats::StoppingRule;

/// At most ceil(log2 n) probes of k draws for a solution of n steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binary;

impl Locate for Binary {
    fn next(&self, view: &View<'_>) -> Next {
        bisect(view, |_| view.k)
    }

    fn stopping_rule(&self) -> StoppingRule {
        StoppingRule::Fixed
    }
}
