//! The posterior as a strategy among the others.

use super::{Choice, Posterior, choose};
use crate::locate::{Locate, Next, View, Want};
use crate::stats::{Estimate, StoppingRule};

/// What the posterior of one search says, as far as a strategy needs it.
#[derive(Clone, Copy, Debug)]
pub struct Belief<'a> {
    /// Over the positions of the whole solution, counted from the root.
    pub posterior: &'a Posterior,
    /// Where to stop.
    pub confidence: f64,
    /// Draws this search may still make.
    pub left: u32,
    /// Depth of the state the solution was launched from: the posterior's cut that is the view's cut 0.
    pub launched: usize,
}

/// Draws where one continuation is expected to tell most about the first error; stops when sure enough of it.
#[derive(Clone, Copy, Debug)]
pub(in crate::locate) struct Bayes;

impl Locate for Bayes {
    fn next(&self, view: &View<'_>) -> Next {
        let Some(Belief { posterior, confidence, left, launched }) = view.belief else {
            return Next::Undecided;
        };
        match choose(posterior, confidence, left, launched) {
            Choice::Probe { cut } => {
                let cut = cut - launched;
                let draws = view.estimates.get(cut).map_or(0, |estimate| estimate.drawn()) + 1;
                Next::Draw(vec![Want { cut, draws }])
            }
            Choice::Located { step } if step >= launched => Next::Located { step: step - launched },
            Choice::Located { .. } | Choice::Undecided => Next::Undecided,
        }
    }

    fn stopping_rule(&self) -> StoppingRule {
        StoppingRule::Posterior
    }

    /// Only the end of a search does.
    fn settles(&self, _: Estimate, _: u32) -> bool {
        false
    }
}
