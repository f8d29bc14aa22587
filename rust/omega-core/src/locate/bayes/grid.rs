//! What the model holds possible: difficulty profiles of a question, and how wrong prefixes recover.

/// A difficulty profile: how often each further step of a right prefix is wrong.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// The weight it shares with the profiles of its kind; hard steps are tied over their positions.
    pub(super) group: usize,
    /// Its part of that weight; the parts of a group add up to 1.
    pub(super) share: f64,
    /// By step.
    pub(super) rates: Vec<f64>,
    /// S: by number of steps done, the chance that no later step is wrong.
    pub(super) survival: Vec<f64>,
}

/// The profiles for solutions of about `steps` steps.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) steps: usize,
    pub(super) profiles: Vec<Profile>,
}

/// The same rate at every step.
const LEVELS: [f64; 16] =
    [0.01, 0.03, 0.05, 0.07, 0.09, 0.11, 0.135, 0.16, 0.19, 0.22, 0.255, 0.29, 0.33, 0.38, 0.45, 0.6];
/// Mean rates of a rise from a fifth to nine fifths, or of the fall.
const RAMPS: [f64; 10] = [0.03, 0.05, 0.07, 0.095, 0.125, 0.16, 0.2, 0.245, 0.295, 0.36];
/// Rates of the easy steps beside one hard step.
const EASY: [f64; 3] = [0.01, 0.045, 0.12];
/// Rates of that hard step.
const HARD: [f64; 2] = [0.4, 0.7];
/// Hard steps are looked for at so many positions at most.
const MOST_POSITIONS: usize = 16;

/// Kinds of profile that have a weight of their own.
pub(super) const GROUPS: usize = LEVELS.len() + 2 * RAMPS.len() + EASY.len() * HARD.len();

/// Before anything is learnt: even .45, ramps .25, one hard step .3.
pub(super) fn prior_groups() -> Vec<f64> {
    let mut weights = vec![0.45 / LEVELS.len() as f64; LEVELS.len()];
    weights.extend(vec![0.25 / (2 * RAMPS.len()) as f64; 2 * RAMPS.len()]);
    weights.resize(GROUPS, 0.3 / (EASY.len() * HARD.len()) as f64);
    weights
}

impl Grid {
    pub(super) fn new(steps: usize) -> Self {
        let steps = steps.max(2);
        let mut profiles = Vec::new();
        let mut add = |group, share, rates: Vec<f64>| {
            let mut survival = vec![1.0; steps + 1];
            for step in (0..steps).rev() {
                survival[step] = survival[step + 1] * (1.0 - rates[step]);
            }
            profiles.push(Profile { group, share, rates, survival });
        };
        for (group, &level) in LEVELS.iter().enumerate() {
            add(group, 1.0, vec![level; steps]);
        }
        for (at, &level) in RAMPS.iter().enumerate() {
            let rate = |step: usize| level * (0.2 + 1.6 * step as f64 / (steps - 1) as f64);
            let rise: Vec<f64> = (0..steps).map(rate).collect();
            let fall = rise.iter().rev().copied().collect();
            add(LEVELS.len() + at, 1.0, rise);
            add(LEVELS.len() + RAMPS.len() + at, 1.0, fall);
        }
        let positions = steps.min(MOST_POSITIONS);
        for position in 0..positions {
            let hard_step = position * steps / positions;
            for (at, &easy) in EASY.iter().enumerate() {
                for (which, &hard) in HARD.iter().enumerate() {
                    let mut rates = vec![easy; steps];
                    rates[hard_step] = hard;
                    let group = LEVELS.len() + 2 * RAMPS.len() + at * HARD.len() + which;
                    add(group, 1.0 / positions as f64, rates);
                }
            }
        }
        Self { steps, profiles }
    }
}

/// rho: the chance that a solution with an error ends right when it is continued right after the error.
const RHO: [f64; 10] = [0.001, 0.006, 0.014, 0.026, 0.045, 0.07, 0.105, 0.155, 0.23, 0.35];
/// gamma: what every further wrong step leaves of that chance.
const GAMMA: [f64; 3] = [1.0, 0.65, 0.3];
/// The least chance of recovery the model holds possible.
const FLOOR: f64 = 0.001;

/// How wrong prefixes recover.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Recovery {
    pub(super) rho: f64,
    pub(super) gamma: f64,
}

impl Recovery {
    /// The chance that a continuation of a wrong prefix ends right, `distance` steps after the error.
    pub(super) fn chance(self, distance: usize) -> f64 {
        let power = i32::try_from(distance).unwrap_or(i32::MAX);
        (self.rho * self.gamma.powi(power)).max(FLOOR)
    }
}

/// Every pair of rho and gamma that differs, least recovery first, with its weight before anything is learnt.
pub(super) fn recoveries() -> Vec<(Recovery, f64)> {
    let mut all = vec![(Recovery { rho: RHO[0], gamma: 1.0 }, 0.4)];
    for &rho in &RHO[1..] {
        for (gamma, weight) in GAMMA.into_iter().zip([0.6, 0.2, 0.2]) {
            all.push((Recovery { rho, gamma }, 0.6 / (RHO.len() - 1) as f64 * weight));
        }
    }
    all
}
