//! Where to draw next, and when to stop.

use super::posterior::Posterior;

/// What to do for one solution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// Draw one continuation of the prefix at this cut.
    Probe {
        /// Steps of the prefix.
        cut: usize,
    },
    /// The first error is at this position, as surely as was asked.
    Located {
        /// From 0.
        step: usize,
    },
    /// The draws allowed are spent, or no further draw would tell anything.
    Undecided,
}

/// Information below this is no information, in nats.
const NOTHING: f64 = 1e-9;

/// Stops at a position whose probability reaches `confidence`, or when no draw is `left`; otherwise draws where one
/// continuation is expected to tell most about the position, at cuts from `first` on.
pub fn choose(posterior: &Posterior, confidence: f64, left: u32, first: usize) -> Choice {
    let (step, probability) = posterior.best();
    if probability >= confidence {
        return Choice::Located { step };
    }
    if left == 0 {
        return Choice::Undecided;
    }
    let mut best = (NOTHING, None);
    for cut in first.max(1)..posterior.steps() {
        let information = posterior.information(cut);
        if information > best.0 {
            best = (information, Some(cut));
        }
    }
    best.1.map_or(Choice::Undecided, |cut| Choice::Probe { cut })
}
