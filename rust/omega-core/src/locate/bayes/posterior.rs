//! The posterior over the first error of one wrong solution, kept up to date draw by draw.

use super::evidence::{Evidence, Tally};
use super::grid::Grid;
use super::hyper::Weights;
use super::messages::{Frame, Message};
use crate::stats::Value;

/// Cells that weigh less than this beside the heaviest are left out.
const NEGLIGIBLE: f64 = 1e-6;
/// Bins by which a belief about V is told.
const VALUES: usize = 1000;
/// Positions less likely than this add nothing to an expectation.
const UNLIKELY: f64 = 1e-9;

/// The belief about the first error of a solution of n steps: position e from 0 to n - 1.
///
/// It holds the joint weight of every position, recovery and profile, so each draw multiplies in its exact
/// likelihood and the sum over recoveries and profiles is exact.
#[derive(Clone, Debug)]
pub struct Posterior {
    steps: usize,
    width: usize,
    rho: Vec<f64>,
    /// By recovery, then distance from the error.
    chances: Vec<Vec<f64>>,
    /// S by cut, then profile.
    survival: Vec<Vec<f64>>,
    /// By step, then profile.
    rates: Vec<Vec<f64>>,
    /// By position, recovery, profile; it adds up to anything.
    joint: Vec<f64>,
    /// By position, recovery: sums over profiles.
    sums: Vec<f64>,
    /// By position, profile: sums over recoveries, times 1 - rho.
    unrecovered: Vec<f64>,
    /// By position: sums over everything, times rho.
    recovered: Vec<f64>,
    /// P(e).
    error_at: Vec<f64>,
}

impl Posterior {
    /// Of the solution with the complete key `key`, which `evidence` holds; `None` if it does not, or if nothing
    /// the model knows explains the evidence.
    pub fn new(grid: &super::Model, evidence: &Evidence, weights: &Weights, key: u128) -> Option<Self> {
        let path = evidence.path(key);
        if path.len() < 2 {
            return None;
        }
        let frame = active(&grid.grid, evidence, weights);
        let (steps, width, cells) = (path.len() - 1, frame.profiles.len(), frame.cells());
        let mut outer = Message::ones(cells);
        for ((recovery, _), row) in frame.recoveries.iter().zip(outer.values.chunks_exact_mut(width)) {
            for (value, (_, profile)) in row.iter_mut().zip(&frame.profiles) {
                *value = weights.recoveries[*recovery] * weights.groups[profile.group] * profile.share;
            }
        }
        let mut joint = Vec::with_capacity(steps * cells);
        let mut logs = Vec::with_capacity(steps);
        for step in 0..steps {
            let side = frame.right(evidence, path[step], Some(path[step + 1]));
            let wrong = frame.wrong(evidence.place(path[step + 1]));
            let scale = wrong.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (rates, times) = (frame.rates(step), evidence.place(path[step + 1]).takers());
            let taken: Vec<(f64, f64)> =
                rates.iter().map(|rate| ((1.0 - rate).powi(times), rate.powi(times))).collect();
            outer.log += side.log;
            outer.values.iter_mut().zip(&side.values).for_each(|(value, side)| *value *= side);
            for (row, wrong) in outer.values.chunks_exact_mut(width).zip(wrong) {
                let wrong = (wrong - scale).exp();
                for (value, (taken_right, taken_wrong)) in row.iter_mut().zip(&taken) {
                    joint.push(*value * taken_wrong * wrong);
                    *value *= taken_right;
                }
            }
            logs.push(outer.log + scale);
            outer.normalise();
        }
        let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (block, log) in joint.chunks_exact_mut(cells).zip(logs) {
            let factor = (log - greatest).exp();
            scale(block, factor);
        }
        let recoveries = || frame.recoveries.iter().map(|(_, recovery)| *recovery);
        let mut posterior = Self {
            steps,
            width,
            rho: recoveries().map(|recovery| recovery.rho).collect(),
            chances: recoveries()
                .map(|one| (0..steps).map(|distance| one.chance(distance)).collect())
                .collect(),
            survival: (0..steps).map(|cut| frame.survival(cut).to_vec()).collect(),
            rates: (0..steps).map(|step| frame.rates(step).to_vec()).collect(),
            joint,
            sums: vec![0.0; steps * frame.recoveries.len()],
            unrecovered: vec![0.0; steps * width],
            recovered: vec![0.0; steps],
            error_at: vec![0.0; steps],
        };
        posterior.sum_up().then_some(posterior)
    }

    /// n.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// P(e) by position.
    pub fn error_at(&self) -> &[f64] {
        &self.error_at
    }

    /// The most likely position and its probability.
    pub fn best(&self) -> (usize, f64) {
        let mut best = (0, 0.0);
        for (position, &weight) in self.error_at.iter().enumerate() {
            if weight > best.1 {
                best = (position, weight);
            }
        }
        best
    }

    /// Takes in a continuation of the prefix at `cut` that shared the solution's steps up to the cut `followed`.
    /// Gives whether the model still explains everything.
    pub fn observe(&mut self, cut: usize, followed: usize, right: bool) -> bool {
        let (width, rows) = (self.width, self.rho.len());
        // What it takes to err at a step it shares, or at none of them.
        let mut erring = vec![vec![1.0; width]];
        for step in cut..followed {
            let rates = &self.rates[step];
            let last = erring.last_mut().expect("never empty");
            let next = last.iter().zip(rates).map(|(taken, rate)| taken * (1.0 - rate)).collect();
            last.iter_mut().zip(rates).for_each(|(taken, rate)| *taken *= rate);
            erring.push(next);
        }
        let survival = &self.survival[followed.min(self.steps - 1)];
        let mut factors = vec![0.0; width];
        for (position, block) in self.joint.chunks_exact_mut(width * rows).enumerate() {
            let taken = (position >= cut && followed > cut).then(|| &erring[position.min(followed) - cut]);
            for (recovery, row) in block.chunks_exact_mut(width).enumerate() {
                let rho = self.rho[recovery];
                if position >= followed {
                    // V, or 1 - V.
                    let (times, plus) = if right { (1.0 - rho, rho) } else { (rho - 1.0, 1.0 - rho) };
                    factors.iter_mut().zip(survival).for_each(|(into, solved)| *into = times * solved + plus);
                } else {
                    let chance =
                        if position >= cut { rho } else { self.chances[recovery][cut - position - 1] };
                    factors.fill(if right { chance } else { 1.0 - chance });
                }
                if let Some(taken) = taken {
                    factors.iter_mut().zip(taken).for_each(|(into, taken)| *into *= taken);
                }
                row.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
            }
        }
        self.sum_up()
    }

    /// The chance that a continuation of the prefix at `cut` ends right.
    pub fn ends_right(&self, cut: usize) -> f64 {
        self.right_and(cut).iter().sum()
    }

    /// By position e: the chance that e is the first error and a continuation of the prefix at `cut` ends right.
    fn right_and(&self, cut: usize) -> Vec<f64> {
        let rows = self.rho.len();
        let mut right_and = vec![0.0; self.steps];
        for (position, right_and) in right_and.iter_mut().enumerate() {
            if self.error_at[position] < UNLIKELY {
                continue;
            }
            *right_and = if position >= cut {
                self.right_from(cut, position)
            } else {
                let sums = &self.sums[position * rows..(position + 1) * rows];
                sums.iter().zip(&self.chances).map(|(sum, chances)| chances[cut - position - 1] * sum).sum()
            };
        }
        right_and
    }

    /// The information about e, in nats, that one more continuation of the prefix at `cut` is expected to give.
    pub fn information(&self, cut: usize) -> f64 {
        let right_and = self.right_and(cut);
        let right: f64 = right_and.iter().sum();
        let mut information = 0.0;
        for (&both, &prior) in right_and.iter().zip(&self.error_at) {
            if prior < UNLIKELY {
                continue;
            }
            for (joint, outcome) in [(both, right), (prior - both, 1.0 - right)] {
                if joint > 0.0 && outcome > 0.0 {
                    information += joint * (joint / (prior * outcome)).ln();
                }
            }
        }
        information
    }

    /// What is believed of V at the cut, the chance that a continuation of the prefix there ends right: the posterior
    /// mean and the central 95 %, rounded outwards to thousandths. `cut` is below `steps`.
    pub fn value(&self, cut: usize) -> Value {
        let rows = self.rho.len();
        let mut weights = vec![0.0; VALUES + 1];
        let mut mean = 0.0;
        let mut add = |value: f64, weight: f64| {
            mean += value * weight;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in [0, VALUES]")]
            let bin = (value.clamp(0.0, 1.0) * VALUES as f64) as usize;
            weights[bin] += weight;
        };
        // The joint weights need not add up to 1, the sums do.
        let whole: f64 = self.joint.iter().sum();
        // If the prefix is right V depends on rates and recovery, not on where the error is.
        let mut right = vec![0.0; rows * self.width];
        for position in 0..self.steps {
            let at = position * rows;
            if position >= cut {
                let block = &self.joint[at * self.width..(at + rows) * self.width];
                right.iter_mut().zip(block).for_each(|(sum, weight)| *sum += weight);
            } else {
                for recovery in 0..rows {
                    add(self.chances[recovery][cut - position - 1], self.sums[at + recovery]);
                }
            }
        }
        for (row, rho) in right.chunks_exact(self.width).zip(&self.rho) {
            for (weight, solved) in row.iter().zip(&self.survival[cut]) {
                add((1.0 - rho) * solved + rho, *weight / whole);
            }
        }
        let total: f64 = weights.iter().sum();
        let reaches = |share: f64| {
            let mut sum = 0.0;
            let found = weights.iter().position(|weight| {
                sum += weight;
                sum >= share * total
            });
            found.unwrap_or(VALUES)
        };
        let share = |bin: usize| bin.min(VALUES) as f64 / VALUES as f64;
        let mean = (mean.clamp(0.0, 1.0) * 1e6).round() / 1e6;
        Value { mean, low: share(reaches(0.025)), high: share(reaches(0.975) + 1) }
    }

    /// The chance that one more continuation of the prefix at `cut` ends right, if that prefix is right.
    pub(super) fn success(&self, cut: usize) -> f64 {
        let right: f64 = (cut..self.steps).map(|position| self.right_from(cut, position)).sum();
        let all: f64 = self.error_at[cut..].iter().sum();
        if all > 0.0 { right / all } else { 0.0 }
    }

    /// The chance of an error at a position and a right continuation of the right prefix at `cut`.
    fn right_from(&self, cut: usize, position: usize) -> f64 {
        let row = &self.unrecovered[position * self.width..(position + 1) * self.width];
        dot(row, &self.survival[cut]) + self.recovered[position]
    }

    /// Renews everything that follows from the joint weights.
    fn sum_up(&mut self) -> bool {
        let (width, rows) = (self.width, self.rho.len());
        self.unrecovered.fill(0.0);
        for (position, unrecovered) in self.unrecovered.chunks_exact_mut(width).enumerate() {
            let sums = &mut self.sums[position * rows..(position + 1) * rows];
            let block = &self.joint[position * rows * width..(position + 1) * rows * width];
            for ((sum, row), rho) in sums.iter_mut().zip(block.chunks_exact(width)).zip(&self.rho) {
                *sum = total(row);
                let rest = 1.0 - rho;
                unrecovered.iter_mut().zip(row).for_each(|(into, value)| *into += rest * value);
            }
        }
        let all: f64 = self.sums.iter().sum();
        if !(all > 0.0 && all.is_finite()) {
            return false;
        }
        if !(1e-100..1e100).contains(&all) {
            scale(&mut self.joint, all.recip());
        }
        scale(&mut self.sums, all.recip());
        scale(&mut self.unrecovered, all.recip());
        let sums = self.sums.chunks_exact(rows);
        for ((error_at, recovered), sums) in self.error_at.iter_mut().zip(&mut self.recovered).zip(sums) {
            *error_at = sums.iter().sum();
            *recovered = dot(sums, &self.rho);
        }
        true
    }
}

fn scale(values: &mut [f64], factor: f64) {
    for value in values {
        *value *= factor;
    }
}

/// The cells that the root's continuations leave possible.
fn active<'a>(grid: &'a Grid, evidence: &Evidence, weights: &Weights) -> Frame<'a> {
    let all = super::full_frame(grid);
    let outcomes = evidence.place(0).below.first().copied().unwrap_or_default();
    let mut message = Message::ones(all.cells());
    all.continue_right(&mut message.values, 0, halved(outcomes));
    let width = all.profiles.len();
    let mut by_profile = vec![0.0; width];
    let mut by_recovery = vec![0.0; all.recoveries.len()];
    for (recovery, row) in message.values.chunks_exact(width).enumerate() {
        for (at, (value, (_, profile))) in row.iter().zip(&all.profiles).enumerate() {
            let weight = value * weights.recoveries[recovery] * weights.groups[profile.group] * profile.share;
            by_profile[at] += weight;
            by_recovery[recovery] += weight;
        }
    }
    let keep = |weights: &[f64]| -> Vec<bool> {
        let least = weights.iter().copied().fold(0.0, f64::max) * NEGLIGIBLE;
        weights.iter().map(|&weight| weight >= least).collect()
    };
    let (kept_profiles, kept_recoveries) = (keep(&by_profile), keep(&by_recovery));
    let profiles = all.profiles.iter().zip(kept_profiles).filter(|(_, kept)| *kept).map(|(one, _)| *one);
    let recoveries =
        all.recoveries.iter().zip(kept_recoveries).filter(|(_, kept)| *kept).map(|(one, _)| *one);
    Frame::new(grid, recoveries.collect(), profiles.collect())
}

/// Root draws are partly explained by the errors found in them: they alone must not rule a profile out.
fn halved(outcomes: Tally) -> Tally {
    Tally { right: outcomes.right / 2, wrong: outcomes.wrong / 2 }
}

fn total(values: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let parts = values.chunks_exact(8);
    let rest: f64 = parts.remainder().iter().sum();
    for part in parts {
        for lane in 0..8 {
            sums[lane] += part[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    // Eight sums side by side: in a fixed order, so that every machine adds alike, and free to run in parallel.
    let mut sums = [0.0; 8];
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f64 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in ones.zip(others) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}
