//! What a search is expected to bring, judged before it starts.

use super::posterior::Posterior;

/// A further error after the same right prefix counts as so much of a new one: it makes a pair of siblings, no more.
const SECOND_ERROR: f64 = 0.5;
/// What a search costs beyond its draws: a certain answer is no free lunch beside a fresh draw.
const OVERHEAD: f64 = 1.0;

/// What searching a wrong solution is expected to bring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// First errors located: the chance that the launching state is right, less what is known already.
    pub gain: f64,
    /// Draws until the posterior is sure.
    pub draws: f64,
    /// The chance that a continuation of the launching state, if that is right, ends wrong.
    pub wrong: f64,
}

impl Outlook {
    /// Of a solution launched after `launched` steps; `known` says whether an error right after these is known.
    pub fn of(posterior: &Posterior, confidence: f64, launched: usize, known: bool) -> Self {
        let error_at = posterior.error_at();
        let launched = launched.min(error_at.len() - 1);
        let right: f64 = error_at[launched..].iter().sum();
        let repeated = if known { (1.0 - SECOND_ERROR) * error_at[launched] } else { 0.0 };
        let entropy = |chance: f64| if chance > 0.0 { -chance * chance.ln() } else { 0.0 };
        let missing = error_at.iter().copied().map(entropy).sum::<f64>()
            - entropy(confidence)
            - entropy(1.0 - confidence);
        let draws = if posterior.best().1 >= confidence {
            0.0
        } else {
            let cuts = launched.max(1)..posterior.steps();
            let information = cuts.map(|cut| posterior.information(cut)).fold(1e-9, f64::max);
            (missing / information).max(1.0)
        };
        Self { gain: right - repeated, draws, wrong: 1.0 - posterior.success(launched) }
    }

    /// Errors per draw, if the solution is searched.
    pub fn of_search(&self) -> f64 {
        self.gain / (OVERHEAD + self.draws)
    }

    /// Errors per draw, if one has to be drawn first, and searched if it is wrong.
    pub fn of_draw(&self) -> f64 {
        self.wrong * self.gain / (1.0 + self.wrong * self.draws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locate::bayes::{Evidence, Model, Weights};

    /// A wrong continuation of the last of `launched` right steps; the root was continued rightly and wrongly before.
    fn outlook(launched: u32, successes: u32, known: bool) -> Outlook {
        let key = |depth: u32| u128::from(depth);
        let mut evidence = Evidence::default();
        let mut name = 100;
        let mut fresh = |from: u32| {
            (from..5)
                .map(|_| {
                    name += 1;
                    name
                })
                .collect::<Vec<u128>>()
        };
        for right in [true, false, true, false] {
            evidence.add(None, &fresh(0), right);
        }
        let spine: Vec<u128> = (1..=5).map(key).collect();
        evidence.add(None, &spine, false);
        let from = (launched > 0).then(|| key(launched));
        for _ in 0..successes {
            evidence.add(from, &fresh(launched), true);
        }
        let solution = fresh(launched);
        evidence.add(from, &solution, false);
        let weights = Weights::default();
        let posterior =
            Posterior::new(&Model::new(5), &evidence, &weights, solution[solution.len() - 1]).unwrap();
        Outlook::of(&posterior, 0.95, launched as usize, known)
    }

    #[test]
    fn a_solution_from_a_longer_right_prefix_promises_more_per_draw() {
        let by_launch: Vec<f64> = [0, 2, 4].map(|launched| outlook(launched, 6, false).of_search()).into();
        assert!(by_launch.is_sorted(), "{by_launch:?}");
        assert!(outlook(4, 6, false).draws <= 0.0, "only the last step is left");
    }

    #[test]
    fn a_state_that_may_be_wrong_promises_less() {
        assert!(outlook(3, 0, false).gain < 0.8);
        assert!(outlook(3, 6, false).gain > 0.95);
    }

    #[test]
    fn a_further_error_after_the_same_prefix_counts_half() {
        let (first, second) = (outlook(4, 6, false), outlook(4, 6, true));
        assert!((second.gain - first.gain / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_draw_promises_less_than_the_search_of_one_that_was_drawn_and_is_wrong() {
        for launched in [0, 2, 4] {
            let outlook = outlook(launched, 6, false);
            assert!(0.0 < outlook.of_draw() && outlook.of_draw() < outlook.gain / (0.5 + outlook.draws));
            assert!((0.0..=1.0).contains(&outlook.wrong));
        }
    }
}
