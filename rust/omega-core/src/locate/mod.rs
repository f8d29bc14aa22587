//! Strategies that find the first error of one solution.
//!
//! A solution of n steps has cuts 0 to n; the state at cut c holds its first c steps. The state at `end` is known to
//! be wrong, and the first error is the step between the last right cut and the first wrong one.

pub mod bayes;
mod binary;
mod early_stop;
mod every_step;
pub(crate) mod sequential;

use crate::stats::{Estimate, StoppingRule};
use serde::{Deserialize, Serialize};

/// What a strategy may look at: the estimates at hand, nothing else. So its choices can be replayed.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Estimates at cuts 0 to `end - 1`; index 0 is the state the solution was launched from.
    pub estimates: &'a [Estimate],
    /// k: draws that settle a state.
    pub k: u32,
    /// The posterior, for the strategy that decides by it.
    pub belief: Option<bayes::Belief<'a>>,
}

impl View<'_> {
    /// The first cut known to be wrong.
    pub fn end(&self) -> usize {
        self.estimates.len()
    }
}

/// What a strategy wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Draws, until each of these states has the given number in all.
    Draw(Vec<Want>),
    /// Nothing more: step `step` (0-based, from the launching state) is the first error.
    Located {
        /// The state at this cut is right, the one after it wrong.
        step: usize,
    },
    /// Nothing more: the estimates do not tell.
    Unknown,
    /// Nothing more: the posterior is not sure enough, and no further draw is allowed or worth it.
    Undecided,
}

/// Draws wanted at one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Where.
    pub cut: usize,
    /// How many in all, counting those already made.
    pub draws: u32,
}

/// A strategy. Called again after the draws it wanted were made; must reach `Located` or `Unknown` in the end.
pub trait Locate {
    /// What to do, given the estimates at hand.
    fn next(&self, view: &View<'_>) -> Next;

    /// The stopping rule behind the estimates this strategy leaves.
    fn stopping_rule(&self) -> StoppingRule;

    /// Whether a state needs no further draw.
    fn settles(&self, estimate: Estimate, k: u32) -> bool {
        estimate.drawn() >= k
    }
}

/// The strategies by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocateKind {
    /// Binary search with k draws a probe, as published (arXiv 2406.06592, section 3.2).
    Binary,
    /// Binary search that leaves a probe at its first success.
    EarlyStop,
    /// k draws after every step (Math-Shepherd, arXiv 2312.08935).
    EveryStep,
    /// Binary search with a sequential test at each probe.
    Sequential,
    /// A posterior over the first error, and draws where they tell most about it.
    #[default]
    Bayes,
}

impl LocateKind {
    /// The strategy itself.
    pub fn strategy(self) -> &'static (dyn Locate + Sync) {
        match self {
            Self::Binary => &binary::Binary,
            Self::EarlyStop => &early_stop::EarlyStop,
            Self::EveryStep => &every_step::EveryStep,
            Self::Sequential => &sequential::Sequential,
            Self::Bayes => &bayes::Bayes,
        }
    }
}

/// What an estimate says of a prefix when one success counts as proof that it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    Right,
    Wrong,
    /// Not enough draws yet.
    Open,
    /// All draws made, none judged.
    Unjudged,
}

fn belief(estimate: Estimate, k: u32) -> Belief {
    if estimate.n_correct > 0 {
        Belief::Right
    } else if estimate.drawn() < k {
        Belief::Open
    } else if estimate.n_judged == 0 {
        Belief::Unjudged
    } else {
        Belief::Wrong
    }
}

/// Halves the cuts between a right and a wrong one until they are neighbours; `draws` says how many draws a cut
/// that is still open should have.
fn bisect(view: &View<'_>, draws: impl Fn(Estimate) -> u32) -> Next {
    let (mut right, mut wrong) = (0, view.end());
    while wrong - right > 1 {
        let middle = usize::midpoint(right, wrong);
        let estimate = view.estimates[middle];
        match belief(estimate, view.k) {
            Belief::Right => right = middle,
            Belief::Wrong => wrong = middle,
            Belief::Open => return Next::Draw(vec![Want { cut: middle, draws: draws(estimate) }]),
            Belief::Unjudged => return Next::Unknown,
        }
    }
    Next::Located { step: right }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a strategy against a truth that is exact: MC = 0 from the wrong step on, a success otherwise.
    pub(super) fn drive(kind: LocateKind, steps: usize, first_error: usize, k: u32) -> (usize, u32, usize) {
        let mut estimates = vec![Estimate::default(); steps];
        let (mut draws, mut probes) = (0, std::collections::BTreeSet::new());
        loop {
            match kind.strategy().next(&View { estimates: &estimates, k, belief: None }) {
                Next::Located { step } => return (step, draws, probes.len()),
                Next::Unknown | Next::Undecided => unreachable!("every draw is judged here"),
                Next::Draw(wants) => {
                    for want in wants {
                        probes.insert(want.cut);
                        let estimate = &mut estimates[want.cut];
                        while estimate.drawn() < want.draws {
                            estimate.n_judged += 1;
                            estimate.n_correct += u32::from(want.cut <= first_error);
                            draws += 1;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_strategy_finds_every_planted_error() {
        for kind in [LocateKind::Binary, LocateKind::EarlyStop, LocateKind::EveryStep] {
            for steps in 1..=33 {
                for error in 0..steps {
                    assert_eq!(drive(kind, steps, error, 4).0, error, "{kind:?} {steps}");
                }
            }
        }
    }

    #[test]
    fn binary_search_probes_at_most_the_logarithm() {
        for steps in 1_usize..=100 {
            let bound = steps.next_power_of_two().trailing_zeros() as usize;
            for error in 0..steps {
                assert!(drive(LocateKind::Binary, steps, error, 4).2 <= bound);
            }
        }
    }

    #[test]
    fn early_stop_leaves_a_right_prefix_after_one_draw() {
        let (_, draws, probes) = drive(LocateKind::EarlyStop, 16, 15, 8);
        assert_eq!((draws, probes), (4, 4));
    }

    #[test]
    fn every_step_draws_after_every_step() {
        assert_eq!(drive(LocateKind::EveryStep, 6, 2, 8).1, 5 * 8);
    }

    #[test]
    fn a_state_nobody_could_judge_leaves_the_error_unknown() {
        let mut estimates = vec![Estimate::default(); 4];
        estimates[2].n_excluded = 8;
        let view = View { estimates: &estimates, k: 8, belief: None };
        assert_eq!(LocateKind::Binary.strategy().next(&view), Next::Unknown);
    }
}
