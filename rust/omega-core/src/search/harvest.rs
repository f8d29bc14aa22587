//! What a question's next draw is best spent on, where errors are located by a posterior: the search of a wrong rollout
//! that waits, or one more continuation of a state that is surely right, whichever is expected to bring more errors
//! per draw.

use super::belief::Beliefs;
use super::hunt::Hunt;
use super::omega_prm::{Rules, Search};
use super::task::Task;
use crate::ids::{NodeId, RolloutId};
use crate::stats::StoppingRule;
use std::collections::{BTreeMap, BTreeSet};

/// What comes next.
pub(super) enum Harvest {
    /// One more continuation of a right state.
    Sow(NodeId),
    /// The search of a wrong rollout.
    Reap(NodeId, RolloutId),
}

/// Fewer errors than this per draw are not worth a draw without need.
const LEAST: f64 = 1.0 / 16.0;
/// The draws that searches under way are expected to need are counted so many times before the budget pays for more.
const RESERVE: f64 = 1.5;

impl Search {
    /// The best use of the next draw; `None` if nothing is left, or where no posterior says what is best.
    pub(super) fn harvest(&mut self, rules: &Rules) -> Option<Harvest> {
        let Some(mut beliefs) = self.beliefs.take() else {
            return self
                .pool
                .select(&rules.config.select)
                .map(|(node, rollout)| Harvest::Reap(node, rollout));
        };
        let known: BTreeSet<u32> = self.searches.iter().filter_map(|search| search.right_node).collect();
        beliefs.renew();
        let mut pool = std::mem::take(&mut self.pool);
        let mut missing = BTreeMap::new();
        let reaped = pool.settle_best(|node, rollout| {
            let key = self.hunt_of(rules, rollout).solution_key();
            let outlook =
                beliefs.outlook(&rules.config, key, self.tree.node(node).depth, known.contains(&node.0));
            missing.insert(rollout, outlook.map_or(0.0, |outlook| outlook.draws));
            outlook.map_or(0.0, |outlook| outlook.of_search())
        });
        self.pool = pool;
        let sown = self.best_to_sow(rules, &mut beliefs, reaped.unwrap_or(0.0).max(LEAST), &known);
        let best = match sown {
            Some(node) => Some(Harvest::Sow(node)),
            None => self.pool.best(&rules.config.select).map(|(node, rollout)| Harvest::Reap(node, rollout)),
        };
        let more = match best {
            Some(Harvest::Reap(_, rollout)) => missing.get(&rollout).copied().unwrap_or(0.0),
            _ => 1.0,
        };
        let fits = self.pays_for_all(rules, &beliefs, more);
        self.beliefs = Some(beliefs);
        if fits && matches!(best, Some(Harvest::Reap(..))) {
            self.pool.select(&rules.config.select);
        }
        best.filter(|_| fits)
    }

    /// Whether what is under way can be expected to end within the rollout budget if so many more draws are made beside
    /// it. The budget is to end in as few searches as may be.
    fn pays_for_all(&self, rules: &Rules, beliefs: &Beliefs, more: f64) -> bool {
        if self.tasks.is_empty() {
            return true;
        }
        let missing = |task: &Task| {
            task.hunt().map_or(0.0, |hunt| {
                let launched = self.tree.node(hunt.launched).depth;
                beliefs.draws_missing(task.number, &rules.config, launched)
            })
        };
        let all = more + self.tasks.iter().map(missing).sum::<f64>();
        let left = rules.config.rollout_budget - self.draws.counts.rollouts;
        RESERVE * all <= f64::from(left)
    }

    /// The right state whose next continuation is expected to bring most, if that is more than `least`.
    fn best_to_sow(
        &self,
        rules: &Rules,
        beliefs: &mut Beliefs,
        least: f64,
        known: &BTreeSet<u32>,
    ) -> Option<NodeId> {
        if !self.draws.affordable(&rules.config, 1) {
            return None;
        }
        let mut sure = std::mem::take(&mut beliefs.sure);
        sure.retain(|(node, _)| self.next_number(*node) < rules.config.num_rollouts);
        let mut looked_at = BTreeSet::new();
        let best = loop {
            // The last judgement of a state stands until the state looks best.
            let Some(best) = (0..sure.len()).max_by(|&a, &b| sure[a].1.total_cmp(&sure[b].1).then(b.cmp(&a)))
            else {
                break None;
            };
            let (node, value) = sure[best];
            if value <= least {
                break None;
            }
            if !looked_at.insert(node) {
                break Some(node);
            }
            let state = self.tree.node(node);
            sure[best].1 =
                beliefs.outlook_of_draw(&rules.config, state.key.0, state.depth, known.contains(&node.0));
        };
        beliefs.sure = sure;
        best
    }

    /// Takes in one more continuation of a right state.
    pub(super) fn gather(&mut self, rules: &Rules, node: NodeId) {
        let Some(mut beliefs) = self.beliefs.take() else { return };
        self.tree.node_mut(node).estimate.rule = StoppingRule::Posterior;
        self.pool_since(rules, node, &mut beliefs);
        self.beliefs = Some(beliefs);
    }

    /// What the posterior makes of the states of a search that ended: labels, and right states' rollouts to search.
    pub(super) fn learn_from(&mut self, rules: &Rules, task: u32, hunt: &Hunt) {
        let Some(mut beliefs) = self.beliefs.take() else { return };
        beliefs.renew();
        self.record_of(hunt.search).posterior = beliefs.report(task);
        let right = beliefs.label(task, &rules.config, hunt, &mut self.tree);
        for &node in &hunt.probes {
            let estimate = &mut self.tree.node_mut(node).estimate;
            if node != NodeId::ROOT && estimate.rule != StoppingRule::Budget {
                estimate.rule = StoppingRule::Posterior;
            }
        }
        for node in right.into_iter().filter(|&node| node != NodeId::ROOT) {
            self.pool_since(rules, node, &mut beliefs);
            beliefs.trust(node);
            let at = (0..=hunt.steps()).find(|&cut| hunt.known(cut, &self.tree) == Some(node));
            if let Some(cut) = at {
                beliefs.through.entry(node).or_insert((hunt.rollout, cut));
            }
        }
        beliefs.close(task);
        self.beliefs = Some(beliefs);
    }

    /// Adds the wrong rollouts of a right state that came since it was last looked at.
    fn pool_since(&mut self, rules: &Rules, node: NodeId, beliefs: &mut Beliefs) {
        let since = beliefs.pooled.insert(node, self.rollouts.len()).unwrap_or(0);
        if self.tree.node(node).estimate.n_judged > 0 {
            self.add_to_pool(rules, node, since);
        }
    }
}
