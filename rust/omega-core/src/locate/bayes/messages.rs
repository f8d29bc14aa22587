//! What the evidence below a prefix says of it, for every difficulty profile and recovery at once.
//!
//! Exact inference on the tree (sum-product, from the leaves up). A *cell* is a pair of recovery and profile; cells are
//! held recovery by recovery, so that sums over profiles run over neighbours.

use super::evidence::{Evidence, Place, Tally};
use super::grid::{Grid, Profile, Recovery};

/// The cells that are looked at, with their tables.
pub(super) struct Frame<'a> {
    pub(super) recoveries: Vec<(usize, Recovery)>,
    pub(super) profiles: Vec<(usize, &'a Profile)>,
    steps: usize,
    /// By step, then profile.
    rates: Vec<Vec<f64>>,
    /// By steps done, then profile.
    survival: Vec<Vec<f64>>,
}

/// A number for each cell, and the logarithm of a factor common to all.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) values: Vec<f64>,
    pub(super) log: f64,
}

impl Message {
    pub(super) fn ones(cells: usize) -> Self {
        Self { values: vec![1.0; cells], log: 0.0 }
    }

    /// Makes the greatest value 1.
    pub(super) fn normalise(&mut self) {
        let greatest = self.values.iter().copied().fold(0.0, f64::max);
        if greatest > 0.0 {
            let factor = greatest.recip();
            self.values.iter_mut().for_each(|value| *value *= factor);
        }
        self.log += greatest.ln();
    }
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        grid: &'a Grid,
        recoveries: Vec<(usize, Recovery)>,
        profiles: Vec<(usize, &'a Profile)>,
    ) -> Self {
        let rates = (0..grid.steps).map(|step| profiles.iter().map(|(_, one)| one.rates[step]).collect());
        let survival =
            (0..=grid.steps).map(|done| profiles.iter().map(|(_, one)| one.survival[done]).collect());
        Self { rates: rates.collect(), survival: survival.collect(), steps: grid.steps, recoveries, profiles }
    }

    pub(super) fn cells(&self) -> usize {
        self.recoveries.len() * self.profiles.len()
    }

    /// The profiles' rates at a step; solutions longer than the grid go on as it ends.
    pub(super) fn rates(&self, step: usize) -> &[f64] {
        &self.rates[step.min(self.steps - 1)]
    }

    /// The chance to end right without another wrong step, from a right prefix of `done` steps that is no solution.
    pub(super) fn survival(&self, done: usize) -> &[f64] {
        &self.survival[done.min(self.steps - 1)]
    }

    /// Multiplies in the outcomes of continuations of a right prefix of `done` steps.
    pub(super) fn continue_right(&self, values: &mut [f64], done: usize, outcomes: Tally) {
        let survival = self.survival(done);
        for ((_, recovery), row) in self.recoveries.iter().zip(values.chunks_exact_mut(self.profiles.len())) {
            let (rho, rest) = (recovery.rho, 1.0 - recovery.rho);
            for (value, solved) in row.iter_mut().zip(survival) {
                for _ in 0..outcomes.right {
                    *value *= rest * solved + rho;
                }
                for _ in 0..outcomes.wrong {
                    *value *= rest * (1.0 - solved);
                }
            }
        }
    }

    /// ln of the chance of all that was seen at and below a place, if its last step is the first error; by recovery.
    pub(super) fn wrong(&self, place: &Place) -> Vec<f64> {
        let log = |tally: Tally, chance: f64| {
            f64::from(tally.right) * chance.ln() + f64::from(tally.wrong) * (-chance).ln_1p()
        };
        let recoveries = self.recoveries.iter();
        recoveries
            .map(|(_, recovery)| {
                let below = place.below.iter().enumerate();
                log(place.passed, recovery.rho)
                    + below.map(|(distance, &tally)| log(tally, recovery.chance(distance))).sum::<f64>()
            })
            .collect()
    }

    /// The chance of all that was seen below a place, if it is right. `except` leaves out one branch.
    pub(super) fn right(&self, evidence: &Evidence, id: usize, except: Option<usize>) -> Message {
        let place = evidence.place(id);
        let mut message = Message::ones(self.cells());
        if let Some(end) = place.end {
            // A solution that others go beyond was not one.
            if place.children.is_empty() && !end {
                message.values.fill(0.0);
                return message;
            }
        }
        self.continue_right(&mut message.values, place.depth, place.silent);
        let mut alone = Tally::default();
        for &child in place.children.iter().filter(|&&child| Some(child) != except) {
            let below = evidence.place(child);
            if below.below.is_empty() && below.passed.total() == 1 {
                alone.right += below.passed.right;
                alone.wrong += below.passed.wrong;
            } else {
                self.branch(evidence, child, &mut message);
            }
        }
        self.continue_right(&mut message.values, place.depth, alone);
        message.normalise();
        message
    }

    /// Multiplies in a branch: its step is right, or it is the first error.
    fn branch(&self, evidence: &Evidence, child: usize, message: &mut Message) {
        let place = evidence.place(child);
        let right = self.right(evidence, child, None);
        let wrong = self.wrong(place);
        let scale = wrong.iter().copied().fold(right.log, f64::max);
        let right_factor = (right.log - scale).exp();
        let width = self.profiles.len();
        let (rates, times) = (self.rates(place.depth - 1), place.takers());
        // Every continuation that took the step might have erred there: a step that many take is likelier right.
        let taken: Vec<(f64, f64)> =
            rates.iter().map(|rate| ((1.0 - rate).powi(times), rate.powi(times))).collect();
        let rows = message.values.chunks_exact_mut(width).zip(right.values.chunks_exact(width));
        for ((row, below), wrong) in rows.zip(wrong) {
            let wrong = (wrong - scale).exp();
            for ((value, right), (taken_right, taken_wrong)) in row.iter_mut().zip(below).zip(&taken) {
                *value *= taken_right * right_factor * right + taken_wrong * wrong;
            }
        }
        message.log += scale;
        message.normalise();
    }
}
