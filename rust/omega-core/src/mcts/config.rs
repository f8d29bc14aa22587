//! What decides a tree search, and nothing else does.

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// The identity of a tree search: with the answers to its requests it determines every selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How a child is chosen on the way down.
    pub select: Select,
    /// What a child is worth before its first value comes.
    pub fpu: Fpu,
    /// What a value does to the nodes above its leaf.
    pub backup: Backup,
    /// Values lose this factor at each node they pass on the way up; 1 keeps them.
    pub discount: f32,
    /// When a node may try more of its steps; `None` offers all at once.
    pub widening: Option<Widening>,
    /// Whether equal steps of a node become one, with their priors added. Off where a tree must stay a tree of
    /// generations, as for `GFlowNet` samples.
    pub merge: bool,
    /// Who values a leaf, and how much each counts; the mean of those that answer is the leaf's value.
    pub values: Vec<ValueRole>,
    /// Visits of the root, its own evaluation included. Lost and cancelled requests are no visits.
    pub simulations: u32,
    /// Requests in flight at once. It decides: later selections see fewer values.
    pub in_flight: u32,
    /// Nodes this deep are not expanded; 0 means no limit.
    pub max_depth: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            select: Select::default(),
            fpu: Fpu::default(),
            backup: Backup::default(),
            discount: 1.0,
            widening: None,
            merge: true,
            values: vec![ValueRole { role: "score".into(), weight: 1.0 }],
            simulations: 800,
            in_flight: 1,
            max_depth: 0,
        }
    }
}

/// The rule by which a node with N visits chooses among children with n visits, mean value Q and prior P.
///
/// N and n count visits in flight; N counts the node's own evaluation too, Q only values that have come. Ties go to
/// the lower slot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Select {
    /// Q + w sqrt(ln N / max(1, n)) (Kocsis and Szepesvari, 2006).
    Uct {
        /// w.
        weight: f64,
    },
    /// Q + c(N) P sqrt(N) / (1 + n), c(N) = ln((1 + N + base) / base) + init (Silver et al., 2018).
    Puct {
        /// `c_base`.
        base: f64,
        /// `c_init`.
        init: f64,
    },
}

impl Default for Select {
    fn default() -> Self {
        Self::Puct { base: 19_652.0, init: 1.25 }
    }
}

/// First-play urgency: Q of a child that has no value yet.
///
/// A fixed 0 with values in [0, 1] makes a search deep and narrow, with values in [-1, 1] it does not: say which.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fpu {
    /// The parent's mean less a reduction; it does not depend on the range of values.
    Parent {
        /// What is taken off.
        reduction: f32,
    },
    /// A number.
    Fixed {
        /// The number.
        value: f32,
    },
    /// Above everything: each child once before any twice. One in flight counts as the parent's mean.
    First,
}

impl Default for Fpu {
    fn default() -> Self {
        Self::Parent { reduction: 0.0 }
    }
}

/// What becomes of the values that pass through a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Backup {
    /// Q is their mean.
    #[default]
    Mean,
    /// Q is the best.
    Max,
    /// Q is the worst.
    Min,
    /// Q is the mean of leaf values fused with the verdicts on the steps from the node to the leaf.
    Fused {
        /// How.
        fusion: Fusion,
    },
}

/// How the verdicts v(0..n) on the steps of a path and the value F of its end become one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fusion", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fusion {
    /// sum(v(i) (n - i)) / n^2 + F / n, as `GroundedPRM` (arXiv 2510.14942) was released: F counts less on long paths.
    Released,
    /// (1 - outcome) sum(v(i) (n - i)) / sum(n - i) + outcome F: the same weights, made to add up to one.
    Normalised {
        /// The share of F, 0 to 1.
        outcome: f32,
    },
}

/// Progressive widening: a node with N visits tries ceil(factor N^exponent) steps, the likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Widening {
    /// Steps at the first visit.
    pub factor: f64,
    /// How the number grows, 0 to 1.
    pub exponent: f64,
    /// Whether more steps are asked for when those that are known are all in use.
    pub propose: bool,
}

/// Someone who values leaves: a PRM, rollouts, a verifier, or whatever the driver knows by this name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRole {
    /// The name by which a driver dispatches.
    pub role: String,
    /// Its share beside the others'.
    pub weight: f32,
}

impl Config {
    /// Reads a configuration from JSON; what is not said stays at its default.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let config: Self =
            serde_json::from_str(text).map_err(|error| Error::ConfigText(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Refuses what cannot work.
    pub fn check(&self) -> Result<(), Error> {
        let in_range = |field, value: f64, ok: bool| {
            let problem = || format!("{value} is out of range");
            if ok && value.is_finite() { Ok(()) } else { Err(Error::Config { field, problem: problem() }) }
        };
        match self.select {
            Select::Uct { weight } => in_range("select.weight", weight, weight >= 0.0)?,
            Select::Puct { base, init } => {
                in_range("select.base", base, base > 0.0)?;
                in_range("select.init", init, init >= 0.0)?;
            }
        }
        match self.fpu {
            Fpu::Parent { reduction } => in_range("fpu.reduction", reduction.into(), true)?,
            Fpu::Fixed { value } => in_range("fpu.value", value.into(), true)?,
            Fpu::First => {}
        }
        if let Backup::Fused { fusion: Fusion::Normalised { outcome } } = self.backup {
            in_range("backup.fusion.outcome", outcome.into(), (0.0..=1.0).contains(&outcome))?;
        }
        in_range("discount", self.discount.into(), 0.0 < self.discount && self.discount <= 1.0)?;
        if let Some(Widening { factor, exponent, .. }) = self.widening {
            in_range("widening.factor", factor, factor > 0.0)?;
            in_range("widening.exponent", exponent, (0.0..=1.0).contains(&exponent))?;
        }
        if self.values.is_empty() {
            return Err(Error::Config { field: "values", problem: "no role values a leaf".into() });
        }
        for each in &self.values {
            in_range("values.weight", each.weight.into(), each.weight > 0.0)?;
        }
        in_range("simulations", self.simulations.into(), 0 < self.simulations && self.simulations < 1 << 31)?;
        in_range("in_flight", self.in_flight.into(), self.in_flight > 0)
    }
}
