//! The selection score of `OmegaPRM` (arXiv 2406.06592, section 3.3).

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// The constants of Q + U. Every score is an f64.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OmegaScore {
    /// Base of the preference for states that are nearly solved.
    pub alpha: f64,
    /// Base of the penalty on long rollouts.
    pub beta: f64,
    /// L: the length at which that penalty is `beta`, in the configured unit.
    pub length_scale: f64,
    /// Weight of exploration.
    pub c_puct: f64,
}

impl Default for OmegaScore {
    fn default() -> Self {
        Self { alpha: 0.5, beta: 0.9, length_scale: 500.0, c_puct: 0.125 }
    }
}

impl OmegaScore {
    /// Q(s, r) = alpha^(1 - MC(s)) * beta^(len(r) / L), equation 1.
    pub fn q(&self, mc: f64, length: u32) -> f64 {
        self.alpha.powf(1.0 - mc) * self.beta.powf(f64::from(length) / self.length_scale)
    }

    /// U(s) = `c_puct` * sqrt(sum of all N) / (1 + N(s)), equation 2.
    pub fn u(&self, all_visits: u32, visits: u32) -> f64 {
        self.c_puct * f64::from(all_visits).sqrt() / (1.0 + f64::from(visits))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let fields = [
            ("select.alpha", self.alpha, self.alpha > 0.0),
            ("select.beta", self.beta, self.beta > 0.0),
            ("select.length_scale", self.length_scale, self.length_scale > 0.0),
            ("select.c_puct", self.c_puct, self.c_puct >= 0.0),
        ];
        for (field, value, in_range) in fields {
            if !(in_range && value.is_finite()) {
                return Err(Error::Config { field, problem: format!("{value} is out of range") });
            }
        }
        Ok(())
    }
}

/// What the length of a rollout is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    /// Generated tokens.
    #[default]
    Tokens,
    /// Words between white space.
    Words,
    /// Unicode characters.
    Characters,
}

impl LengthUnit {
    pub(crate) fn measure(self, text: &str, n_tokens: u32) -> u32 {
        let counted = match self {
            Self::Tokens => return n_tokens,
            Self::Words => text.split_whitespace().count(),
            Self::Characters => text.chars().count(),
        };
        u32::try_from(counted).unwrap_or(u32::MAX)
    }
}
