//! Solutions that came with the question, as rollouts that nobody drew.

use super::omega_prm::{Rules, Search};
use crate::config::Supplied;
use crate::error::Error;
use crate::ids::{NodeId, RolloutId};
use crate::request::QuestionSpec;
use crate::rollout::{Origin, Rollout};

impl Search {
    pub(super) fn take_supplied(&mut self, spec: &QuestionSpec) -> Result<(), Error> {
        for (index, solution) in spec.solutions.iter().enumerate() {
            let mut end = 0_u32;
            let cuts: Vec<u32> = solution
                .step_lengths
                .iter()
                .map(|length| {
                    end = end.saturating_add(*length);
                    end
                })
                .collect();
            let fits = solution.step_lengths.iter().all(|&length| length > 0)
                && cuts.iter().all(|&cut| solution.text.is_char_boundary(cut as usize))
                && cuts.last().is_none_or(|&last| last as usize == solution.text.len());
            if !fits {
                return Err(Error::Solution {
                    index,
                    problem: "its steps are empty or do not add up to its text".into(),
                });
            }
            self.supplied.push(RolloutId::of(self.rollouts.len()));
            self.rollouts.push(Rollout {
                node: NodeId::ROOT,
                text: self.arena.push_text(&solution.text),
                tokens: None,
                n_tokens: 0,
                verdict: solution.verdict,
                answer: solution.answer.clone(),
                origin: Origin::Supplied { source: solution.source.clone(), cuts },
            });
        }
        self.supplied.reverse();
        Ok(())
    }

    pub(super) fn labels_supplied_alone(&self, rules: &Rules) -> bool {
        rules.config.solutions == Supplied::Label
            && self.rollouts.iter().any(|rollout| matches!(rollout.origin, Origin::Supplied { .. }))
    }
}
