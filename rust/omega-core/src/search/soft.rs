//! Draws for soft labels: so many as were fixed beforehand, at states that have a hard label and no such estimate.
//!
//! Whether a state is drawn from depends on earlier draws alone and their number on nothing, so c/n of these draws is
//! unbiased. They are numbered apart: no decision and no estimate ever counts them, though their wrong texts are
//! searched and a posterior learns from them like from any other continuation.

use super::draws::Draw;
use super::hunt::Hunt;
use super::omega_prm::{Rules, Search};
use super::task::Work;
use crate::config::Config;
use crate::ids::NodeId;
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

impl Draw {
    /// Whether it is for a soft label alone.
    pub(super) fn is_soft(self) -> bool {
        self.number >= FIRST
    }
}

impl Search {
    /// Decides draws at the labelled states of a solution whose search has ended, as far as the budget pays for all of a
    /// state's. Once they are in, their wrong texts join the pool.
    pub(super) fn draw_for_soft_labels(&mut self, rules: &Rules, hunt: &Hunt) {
        let draws = rules.config.soft_rollouts;
        if draws == 0 {
            return;
        }
        let pays_for = |states: usize| {
            u32::try_from(states).is_ok_and(|states| self.draws.affordable(&rules.config, draws * states))
        };
        let wanting = self.wanting_soft_labels(rules, hunt).into_iter().enumerate();
        let nodes: Vec<NodeId> =
            wanting.take_while(|(at, _)| pays_for(at + 1)).map(|(_, node)| node).collect();
        if nodes.is_empty() {
            return;
        }
        let wave = SoftWave { nodes: nodes.clone(), since: self.rollouts.len() };
        let task = self.begin(Work::Soft(wave));
        for node in nodes {
            (0..draws).for_each(|index| self.draws.decide(Draw { node, number: FIRST + index, task }));
            self.task(task).awaited += draws;
        }
    }

    /// The counts behind a soft label of a state, if all its draws were made.
    pub(super) fn soft_draws(&self, node: NodeId, config: &Config) -> Option<SoftDraws> {
        let soft = self.tree.node(node).soft;
        (soft.n_judged > 0 && soft.drawn() == config.soft_rollouts)
            .then_some(SoftDraws { n_correct: soft.n_correct, n_rollouts: soft.n_judged })
    }

    /// States along the solution of a search, shortest prefix first; the end of a finished solution has no future.
    fn wanting_soft_labels(&self, rules: &Rules, hunt: &Hunt) -> Vec<NodeId> {
        let rollout = hunt.rollout;
        let finished = self.rollouts[rollout.index()].verdict.is_finished();
        let last = if finished { hunt.steps().saturating_sub(1) } else { hunt.steps() };
        let labels = self.hard_labels(rules.config.locate);
        let path = self.tree.path(hunt.launched).into_iter();
        path.chain((1..=last).filter_map(|cut| hunt.known(cut, &self.tree)))
            .filter(|&id| {
                let node = self.tree.node(id);
                let under_way = self.draws.pending().any(|(draw, _)| draw.node == id && draw.is_soft());
                let estimated = id == NodeId::ROOT || node.estimate.rule == StoppingRule::Fixed;
                labels[id.index()].is_some() && !estimated && !under_way && node.soft.drawn() == 0
            })
            .collect()
    }

    /// What the draws of a wave showed wrong is searched.
    pub(super) fn search_soft_draws(&mut self, rules: &Rules, wave: &SoftWave) {
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
