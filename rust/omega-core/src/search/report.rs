//! What a finished search says.

use super::omega_prm::Search;
use crate::config::Config;
use crate::ids::NodeId;
use crate::key::draw_seed;
use crate::label::{HardRule, RolloutRecord, SearchArtifacts, StateLabel};
use crate::locate::LocateKind;
use crate::locate::sequential::says_right;
use crate::rollout::{Origin, Rollout};
use crate::stats::StoppingRule;
use crate::tree::{Node, StepMark};

impl Search {
    /// The artifacts; `None` while the search goes on.
    pub(crate) fn artifacts(&self, config: &Config) -> Option<SearchArtifacts> {
        let finish = self.finish?;
        let labels = self.hard_labels(config.locate);
        let nodes = self.tree.nodes().zip(labels);
        Some(SearchArtifacts {
            finish,
            counts: self.draws.counts,
            nodes: nodes.map(|((id, node), label)| self.state_label(id, node, label, config)).collect(),
            rollouts: self
                .rollouts
                .iter()
                .enumerate()
                .map(|(index, rollout)| self.rollout_record(index, rollout, config.seed))
                .collect(),
            searches: self.searches.clone(),
            epoch: self.beliefs.as_ref().map(|beliefs| beliefs.epoch),
        })
    }

    /// The hard label of every state, by number. A right answer alone makes no step right behind one that is wrong.
    pub(super) fn hard_labels(&self, locate: LocateKind) -> Vec<Option<(bool, HardRule)>> {
        let mut labels: Vec<Option<(bool, HardRule)>> = Vec::with_capacity(self.tree.nodes().len());
        let mut wrong: Vec<bool> = Vec::with_capacity(self.tree.nodes().len());
        for (_, node) in self.tree.nodes() {
            let behind_wrong = node.parent.is_some_and(|parent| wrong[parent.index()]);
            let by_answer = |label: &(bool, HardRule)| label.1 == HardRule::RightFinalAnswer;
            let label = hard_label(node, locate).filter(|label| !(behind_wrong && by_answer(label)));
            wrong.push(behind_wrong || label.is_some_and(|(right, _)| !right));
            labels.push(label);
        }
        labels
    }

    fn state_label(
        &self,
        id: NodeId,
        node: &Node,
        label: Option<(bool, HardRule)>,
        config: &Config,
    ) -> StateLabel {
        let (hard, hard_rule) = label.unzip();
        StateLabel {
            id: id.0,
            parent: node.parent.map(|parent| parent.0),
            depth: node.depth,
            step: self.arena.text(node.step).to_owned(),
            state: node.key.to_string(),
            n_correct: node.estimate.n_correct,
            n_rollouts: node.estimate.n_judged,
            n_excluded: node.estimate.n_excluded,
            stopping_rule: node.estimate.rule,
            visits: node.visits,
            mc: node.estimate.mc(),
            confidence: node.confidence.filter(|_| hard_rule == Some(HardRule::Posterior)),
            hard,
            hard_rule,
            soft: self.soft_draws(id, config),
            value: node.value,
        }
    }

    fn rollout_record(&self, index: usize, rollout: &Rollout, run_seed: u64) -> RolloutRecord {
        let key = self.tree.node(rollout.node).key;
        let (draw, source) = match &rollout.origin {
            Origin::Policy { draw } => (Some(*draw), "policy".to_owned()),
            Origin::Supplied { source, .. } => (None, format!("supplied:{source}")),
        };
        RolloutRecord {
            id: u32::try_from(index).expect("rollouts fit the budgets"),
            node: rollout.node.0,
            draw,
            seed: draw.map(|draw| draw_seed(run_seed, self.key, key, draw)),
            text: self.arena.text(rollout.text).to_owned(),
            verdict: rollout.verdict,
            answer: rollout.answer.clone(),
            n_tokens: rollout.n_tokens,
            source,
        }
    }
}

/// A state's own successes decide; failures count only when its sampling was complete.
fn hard_label(node: &Node, locate: LocateKind) -> Option<(bool, HardRule)> {
    match node.mark {
        StepMark::LikelyRight => return Some((true, HardRule::Posterior)),
        StepMark::LikelyWrong => return Some((false, HardRule::Posterior)),
        _ => {}
    }
    let estimate = node.estimate;
    if estimate.rule == StoppingRule::Posterior {
        // One lucky continuation proves nothing here, and the posterior was not sure.
        return None;
    }
    if estimate.rule == StoppingRule::Sequential {
        return (estimate.n_judged > 0).then(|| (says_right(estimate), HardRule::Mc));
    }
    // Where one success proves nothing, a budget that ended sampling early leaves nothing to go by.
    let proof = !matches!(locate, LocateKind::Sequential | LocateKind::Bayes) || node.parent.is_none();
    if estimate.n_correct > 0 && proof {
        return Some((true, HardRule::Mc));
    }
    let complete = matches!(estimate.rule, StoppingRule::Fixed | StoppingRule::FirstSuccess);
    if complete && estimate.n_judged > 0 {
        return Some((false, HardRule::Mc));
    }
    match node.mark {
        StepMark::None | StepMark::LikelyRight | StepMark::LikelyWrong => None,
        StepMark::BeforeRightPrefix => Some((true, HardRule::BeforeRightPrefix)),
        StepMark::BeforeRightAnswer => Some((true, HardRule::RightFinalAnswer)),
        StepMark::WrongFinalAnswer => Some((false, HardRule::WrongFinalAnswer)),
    }
}
