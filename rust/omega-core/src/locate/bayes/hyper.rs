//! What is learnt across questions: how common each kind of profile and each recovery is.

use super::evidence::Evidence;
use super::grid::{GROUPS, prior_groups, recoveries};
use super::messages::Frame;
use serde::{Deserialize, Serialize};

/// The weights of the kinds of profile and of the recoveries; each adds up to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    pub(super) groups: Vec<f64>,
    pub(super) recoveries: Vec<f64>,
}

impl Default for Weights {
    /// Before anything is learnt.
    fn default() -> Self {
        Self {
            groups: prior_groups(),
            recoveries: recoveries().into_iter().map(|(_, weight)| weight).collect(),
        }
    }
}

/// The prior counts as so many questions.
const PRIOR_QUESTIONS: f64 = 4.0;
/// Passes of expectation and maximisation.
const PASSES: usize = 12;

/// How well each recovery and kind of profile explains one question: by recovery, then kind; the best is 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likelihood(Vec<f32>);

impl Likelihood {
    #[cfg(test)]
    pub(super) fn values(&self) -> &[f32] {
        &self.0
    }

    /// Of all that was seen of a question.
    pub fn of(model: &super::Model, evidence: &Evidence) -> Self {
        let frame: Frame<'_> = super::full_frame(&model.grid);
        let message = frame.right(evidence, 0, None);
        let mut sums = vec![0.0; frame.recoveries.len() * GROUPS];
        for (row, sums) in
            message.values.chunks_exact(frame.profiles.len()).zip(sums.chunks_exact_mut(GROUPS))
        {
            for (value, (_, profile)) in row.iter().zip(&frame.profiles) {
                sums[profile.group] += value * profile.share;
            }
        }
        let greatest = sums.iter().copied().fold(0.0, f64::max);
        #[expect(clippy::cast_possible_truncation, reason = "weights to seven digits")]
        Self(sums.into_iter().map(|sum| if greatest > 0.0 { (sum / greatest) as f32 } else { 1.0 }).collect())
    }
}

/// The weights after these questions: maximum a posteriori by EM over their sum, so their order does not matter.
///
/// One policy recovers much alike on all its questions, which counting each by itself does not know: a question whose
/// last step is hard looks like one with much recovery, and would confirm that for the next. So the weights of recoveries
/// are squared in the end.
pub fn learn(questions: &[&Likelihood]) -> Weights {
    let prior = Weights::default();
    let mut weights = prior.clone();
    for _ in 0..PASSES {
        let mut groups = vec![0.0; GROUPS];
        let mut recoveries = vec![0.0; prior.recoveries.len()];
        for Likelihood(values) in questions {
            let joint: Vec<f64> = values
                .chunks_exact(GROUPS)
                .zip(&weights.recoveries)
                .flat_map(|(row, recovery)| {
                    row.iter()
                        .zip(&weights.groups)
                        .map(move |(&value, group)| f64::from(value) * recovery * group)
                })
                .collect();
            let total: f64 = joint.iter().sum();
            if total <= 0.0 {
                continue;
            }
            for (row, recovery) in joint.chunks_exact(GROUPS).zip(&mut recoveries) {
                *recovery += row.iter().sum::<f64>() / total;
                row.iter().zip(&mut groups).for_each(|(value, group)| *group += value / total);
            }
        }
        weights.groups = blend(&prior.groups, &groups);
        weights.recoveries = blend(&prior.recoveries, &recoveries);
    }
    weights.recoveries.iter_mut().for_each(|weight| *weight *= *weight);
    let total: f64 = weights.recoveries.iter().sum();
    weights.recoveries.iter_mut().for_each(|weight| *weight /= total);
    weights
}

fn blend(prior: &[f64], counts: &[f64]) -> Vec<f64> {
    let total = PRIOR_QUESTIONS + counts.iter().sum::<f64>();
    prior.iter().zip(counts).map(|(prior, count)| (PRIOR_QUESTIONS * prior + count) / total).collect()
}
