//! Bayesian localisation: a posterior over the first error, and draws where they tell most about it.
//!
//! The model (derived in docs/methods.md). A question has a difficulty profile (how often each further step of a
//! right prefix is wrong) and a recovery (how often a wrong solution ends right all the same, and how that decays).
//! From a right prefix of m steps a continuation ends right with V = S + (1 - S) rho, S the chance that no later step
//! is wrong; d steps after the first error with rho gamma^d. Every continuation is a path through the tree of prefixes,
//! and one that goes through a prefix tells of it too. The posterior sums over profiles and recoveries exactly.

mod choice;
mod evidence;
mod grid;
mod hyper;
mod messages;
#[cfg(test)]
mod oracle;
mod outlook;
mod posterior;
mod strategy;

pub use choice::{Choice, choose};
pub use evidence::Evidence;
pub use hyper::{Likelihood, Weights, learn};
pub use outlook::Outlook;
pub use posterior::Posterior;
pub(super) use strategy::Bayes;
pub use strategy::Belief;

use grid::{Grid, recoveries};
use messages::Frame;

/// The model of solutions of about so many steps.
#[derive(Clone, Debug)]
pub struct Model {
    grid: Grid,
}

impl Model {
    /// For solutions of about `steps` steps; longer and shorter ones are understood too.
    pub fn new(steps: usize) -> Self {
        Self { grid: Grid::new(steps) }
    }
}

fn full_frame(grid: &Grid) -> Frame<'_> {
    let recoveries = recoveries().into_iter().map(|(recovery, _)| recovery).enumerate().collect();
    Frame::new(grid, recoveries, grid.profiles.iter().enumerate().collect())
}
