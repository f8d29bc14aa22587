//! Draws for soft labels: so many as were fixed beforehand, at states that have a hard label and no such estimate.
//!
//! Whether a state is drawn from depends on earlier draws alone and their number on nothing, so c/n of these draws is
//! unbiased. They are numbered apart: no decision and no estimate ever counts them, though their wrong texts are
//! searched and a posterior learns from them like from any other continuation.

use super::draws::Draw;
use super::omega_prm::{Rules, Search};
use crate::config::Config;
use crate::ids::{NodeId, RolloutId};
use crate::label::SoftDraws;
use crate::stats::StoppingRule;
use serde::{Deserialize, Serialize};

/// The number of a state's first draw for its soft label.
const FIRST: u32 = 1 << 31;

/// States drawn from, and how many rollouts there were before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SoftWave {
    nodes: Vec<NodeId>,
    since: usize,
}

/// Whether a draw is for a soft label alone.
pub(super) fn is_soft(draw: Draw) -> bool {
    draw.number >= FIRST
}

impl Search {
    /// Decides draws at the labelled states of the solution searched last, as far as the budget pays for all of a
    /// state's; says whether there are any. Once they are in, their wrong texts join the pool.
    pub(super) fn draw_for_soft_labels(&mut self, rules: &Rules) -> bool {
        let draws = rules.config.soft_rollouts;
        if draws == 0 {
            return false;
        }
        if let Some(wave) = self.soft_wave.take() {
            self.search_soft_draws(rules, &wave);
            return false;
        }
        let mut wave = SoftWave { nodes: Vec::new(), since: self.rollouts.len() };
        for node in self.wanting_soft_labels(rules) {
            if self.draws.affordable(&rules.config, draws) {
                (0..draws).for_each(|index| self.draws.decide(Draw { node, number: FIRST + index }));
                wave.nodes.push(node);
            }
        }
        let any = !wave.nodes.is_empty();
        self.soft_wave = any.then_some(wave);
        any
    }

    /// The counts behind a soft label of a state, if all its draws were made.
    pub(super) fn soft_draws(&self, node: NodeId, config: &Config) -> Option<SoftDraws> {
        let soft = self.tree.node(node).soft;
        (soft.n_judged > 0 && soft.drawn() == config.soft_rollouts)
            .then_some(SoftDraws { n_correct: soft.n_correct, n_rollouts: soft.n_judged })
    }

    /// States along the last search's solution, shortest prefix first; the end of a finished solution has no future.
    fn wanting_soft_labels(&self, rules: &Rules) -> Vec<NodeId> {
        let Some(search) = self.searches.last() else { return Vec::new() };
        let rollout = RolloutId::of(search.rollout as usize);
        let hunt = self.hunt_of(rules, rollout);
        let finished = self.rollouts[rollout.index()].verdict.is_finished();
        let last = if finished { hunt.steps().saturating_sub(1) } else { hunt.steps() };
        let labels = self.hard_labels(rules.config.locate);
        let path = self.tree.path(hunt.launched).into_iter();
        path.chain((1..=last).filter_map(|cut| hunt.known(cut, &self.tree)))
            .filter(|&id| {
                let node = self.tree.node(id);
                let estimated = id == NodeId::ROOT || node.estimate.rule == StoppingRule::Fixed;
                labels[id.index()].is_some() && !estimated && node.soft.drawn() == 0
            })
            .collect()
    }

    fn search_soft_draws(&mut self, rules: &Rules, wave: &SoftWave) {
        if self.labels_supplied_alone(rules) {
            return;
        }
        let labels = self.hard_labels(rules.config.locate);
        for &node in &wave.nodes {
            let right = labels[node.index()].is_some_and(|(right, _)| right);
            if right && self.tree.node(node).soft.is_mixed() {
                self.add_to_pool(rules, node, wave.since);
                if let Some(beliefs) = &mut self.beliefs {
                    beliefs.pooled.insert(node, self.rollouts.len());
                }
            }
        }
    }
}
