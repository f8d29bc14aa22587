//! Right continuations as leaves of the tree: they show what right steps look like to their end.

use super::hunt::Hunt;
use super::omega_prm::{Rules, Search};
use crate::config::RightLeaves;
use crate::ids::{NodeId, RolloutId};
use crate::rollout::Origin;
use crate::tree::StepMark;
use crate::verdict::Verdict;

impl Search {
    /// Makes the root's right solutions leaves.
    pub(super) fn keep_right_solutions(&mut self, rules: &Rules) {
        for hunt in self.right_continuations(rules, |node| node == NodeId::ROOT) {
            self.mark_right(&hunt);
        }
    }

    /// Makes the right continuations of states that are held right leaves, once a question is finished.
    ///
    /// A right answer does not make the steps before its launch right, so a state that is wrong or unknown gives none;
    /// nor does a continuation that goes through a state held wrong.
    pub(super) fn keep_right_continuations(&mut self, rules: &Rules) {
        if rules.config.right_leaves == RightLeaves::Root || self.labels_supplied_alone(rules) {
            return;
        }
        let labels = self.hard_labels(rules.config.locate);
        let wrong =
            |node: NodeId| labels.get(node.index()).copied().flatten().is_some_and(|(right, _)| !right);
        let held_right = |node: NodeId| {
            labels[node.index()].is_some_and(|(right, _)| right)
                && !self.tree.path(node).into_iter().any(wrong)
        };
        let launched = self.right_continuations(rules, |node| node != NodeId::ROOT && held_right(node));
        let sound: Vec<Hunt> = launched
            .into_iter()
            .filter(|hunt| !(1..=hunt.steps()).filter_map(|cut| hunt.known(cut, &self.tree)).any(wrong))
            .collect();
        for hunt in sound {
            self.mark_right(&hunt);
        }
    }

    fn right_continuations(&self, rules: &Rules, from: impl Fn(NodeId) -> bool) -> Vec<Hunt> {
        let right = self.rollouts.iter().enumerate().filter(|(_, rollout)| {
            rollout.verdict == Verdict::Correct && matches!(rollout.origin, Origin::Policy { .. })
        });
        right
            .filter(|(_, rollout)| from(rollout.node))
            .map(|(index, _)| self.hunt_of(rules, RolloutId::of(index)))
            .collect()
    }

    /// Notes that every step of a solution leads to its right answer.
    pub(super) fn mark_right(&mut self, hunt: &Hunt) {
        let rollout = &self.rollouts[hunt.rollout.index()];
        let end = hunt.node_at(hunt.steps(), rollout, &mut self.tree, &self.arena);
        for node in self.tree.path(end) {
            let mark = &mut self.tree.node_mut(node).mark;
            if *mark == StepMark::None {
                *mark = StepMark::BeforeRightAnswer;
            }
        }
    }
}
