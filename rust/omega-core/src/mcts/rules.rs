//! A configuration made ready to be applied: the factors of its formulas by number of visits.

use super::config::{Config, Fpu, Select, Widening};
use super::hardware::{self, Pick};
use crate::error::Error;

/// Visits up to which factors are looked up; beyond, they are computed.
const TABLE: usize = 1 << 13;

#[derive(Debug)]
pub(super) struct Rules {
    pub(super) config: Config,
    pub(super) pick: Pick,
    explore: Vec<f32>,
    allowed: Vec<u32>,
}

impl Rules {
    pub(super) fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let pick = match config.select {
            Select::Puct { .. } => hardware::puct(),
            Select::Uct { .. } => hardware::uct(),
        };
        let counts = || (0..TABLE).map(|visits| u32::try_from(visits).expect("a table is short"));
        let explore = counts().map(|visits| explore(config.select, visits)).collect();
        let allowed = config.widening.map(|rule| counts().map(|visits| allowed(rule, visits)).collect());
        Ok(Self { pick, explore, allowed: allowed.unwrap_or_default(), config })
    }

    /// What of the rule depends on the visits of the parent alone: c(N) sqrt(N), or w^2 ln N.
    pub(super) fn explore(&self, visits: u32) -> f32 {
        match self.explore.get(visits as usize) {
            Some(&factor) => factor,
            None => explore(self.config.select, visits),
        }
    }

    /// How many children a node with so many visits may use.
    pub(super) fn allowed(&self, rule: Widening, visits: u32) -> u32 {
        match self.allowed.get(visits as usize) {
            Some(&count) => count,
            None => allowed(rule, visits),
        }
    }

    /// Q of a child without a value, where its parent's mean is `q`: never visited, and in flight for the first time.
    pub(super) fn unvalued(&self, q: f32) -> (f32, f32) {
        match self.config.fpu {
            Fpu::Parent { reduction } => (q - reduction, q - reduction),
            Fpu::Fixed { value } => (value, value),
            Fpu::First => (f32::INFINITY, q),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
fn explore(select: Select, visits: u32) -> f32 {
    let n = f64::from(visits);
    match select {
        Select::Puct { base, init } => ((((1.0 + n + base) / base).ln() + init) * n.sqrt()) as f32,
        Select::Uct { weight } => (weight * weight * n.max(1.0).ln()) as f32,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of children, at least one"
)]
fn allowed(rule: Widening, visits: u32) -> u32 {
    (rule.factor * f64::from(visits).powf(rule.exponent)).ceil().max(1.0) as u32
}
