//! k draws after every step; the first step after which none succeeds is the first error.

use super::{Belief, Locate, Next, View, Want, belief};
use crate::stats::StoppingRule;

/// Dense labels at n - 1 probes a solution (Math-Shepherd, arXiv 2312.08935, section 3.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct EveryStep;

impl Locate for EveryStep {
    fn next(&self, view: &View<'_>) -> Next {
        let beliefs: Vec<Belief> = view.estimates.iter().map(|&estimate| belief(estimate, view.k)).collect();
        // A state with successes is still drawn from until it has its k.
        let wants: Vec<Want> = (1..view.end())
            .filter(|&cut| view.estimates[cut].drawn() < view.k)
            .map(|cut| Want { cut, draws: view.k })
            .collect();
        if !wants.is_empty() {
            return Next::Draw(wants);
        }
        match (1..view.end()).find(|&cut| beliefs[cut] != Belief::Right) {
            Some(cut) if beliefs[cut] == Belief::Unjudged => Next::Unknown,
            Some(cut) => Next::Located { step: cut - 1 },
            None => Next::Located { step: view.end() - 1 },
        }
    }

    fn stopping_rule(&self) -> StoppingRule {
        StoppingRule::Fixed
    }
}
