//! The candidate pool of `OmegaPRM`: which (state, wrong rollout) to search next, in sub-linear time.
//!
//! U depends on N alone, so among the states with equal N only the one with the best Q can win. The pool keeps one
//! heap of states per N; a selection looks at the head of each heap. Every rollout enters once and leaves when it is
//! selected, so none is ever searched twice.

use crate::ids::{NodeId, RolloutId};
use crate::score::OmegaScore;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// The wrong rollouts of states with 0 < MC < 1, ready for selection by the highest Q + U.
///
/// Ties go to the lower state, then to the lower rollout.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CandidatePool {
    by_visits: BTreeMap<u32, BinaryHeap<Candidate>>,
    all_visits: u32,
    len: usize,
    /// Whether somebody else says what states are worth: then Q is that, and there is no U.
    #[serde(default)]
    valued: bool,
}

/// A state by the Q of its best rollout; the others wait behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Candidate {
    q: f64,
    state: NodeId,
    /// Best last, as (Q, rollout).
    rollouts: Vec<(f64, RolloutId)>,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let next = |one: &Self| one.rollouts.last().map(|&(_, rollout)| rollout);
        let ties = || other.state.cmp(&self.state).then_with(|| next(other).cmp(&next(self)));
        self.q.total_cmp(&other.q).then_with(ties)
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

impl CandidatePool {
    /// Adds the wrong rollouts of a state, each with its Q. Call once for a state, when its MC is settled.
    pub fn add(&mut self, state: NodeId, rollouts: Vec<(f64, RolloutId)>) {
        self.add_visited(state, 0, rollouts);
    }

    /// Adds further wrong rollouts of a state that was selected `visits` times.
    pub fn add_visited(&mut self, state: NodeId, visits: u32, mut rollouts: Vec<(f64, RolloutId)>) {
        rollouts.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
        self.len += rollouts.len();
        self.insert(visits, state, rollouts);
    }

    /// The best pair; `None` if nothing is left.
    pub fn best(&self, score: &OmegaScore) -> Option<(NodeId, RolloutId)> {
        let (_, best) = self.head(score)?;
        Some((best.state, best.rollouts.last().expect("a candidate has a rollout").1))
    }

    fn head(&self, score: &OmegaScore) -> Option<(u32, &Candidate)> {
        self.by_visits
            .iter()
            .filter_map(|(visits, heap)| heap.peek().map(|best| (visits, best)))
            .max_by(|(n_a, a), (n_b, b)| {
                let u = |n| if self.valued { 0.0 } else { score.u(self.all_visits, n) };
                let value = |n, candidate: &Candidate| candidate.q + u(n);
                value(**n_a, a).total_cmp(&value(**n_b, b)).then_with(|| b.state.cmp(&a.state))
            })
            .map(|(&visits, best)| (visits, best))
    }

    /// Takes out the best pair and counts a visit to its state; `None` if nothing is left.
    pub fn select(&mut self, score: &OmegaScore) -> Option<(NodeId, RolloutId)> {
        let (visits, _) = self.head(score)?;
        let heap = self.by_visits.get_mut(&visits).expect("the winner's heap exists");
        let mut best = heap.pop().expect("the winner's heap has a head");
        if heap.is_empty() {
            self.by_visits.remove(&visits);
        }
        let (_, rollout) = best.rollouts.pop().expect("a candidate has a rollout");
        self.len -= 1;
        self.all_visits += 1;
        if self.valued
            && let Some(next) = best.rollouts.last_mut()
        {
            // What the state was worth, until it is looked at anew.
            next.0 = best.q;
        }
        self.insert(visits + 1, best.state, best.rollouts);
        Some((best.state, rollout))
    }

    /// Makes `value` what a state is worth, by its next rollout, instead of Q + U; gives the greatest. The last value of
    /// a state stands until it is the greatest, then it is looked at anew.
    pub fn settle_best(&mut self, mut value: impl FnMut(NodeId, RolloutId) -> f64) -> Option<f64> {
        self.valued = true;
        let mut looked_at = BTreeSet::new();
        loop {
            let heads = self.by_visits.values_mut().filter_map(BinaryHeap::peek_mut);
            let mut best = heads.max_by(|one, other| one.cmp(other))?;
            let rollout = best.rollouts.last().expect("a candidate has a rollout").1;
            if !looked_at.insert(rollout) {
                return Some(best.q);
            }
            best.q = value(best.state, rollout);
        }
    }

    /// Rollouts that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn insert(&mut self, visits: u32, state: NodeId, rollouts: Vec<(f64, RolloutId)>) {
        if let Some(&(q, _)) = rollouts.last() {
            self.by_visits.entry(visits).or_default().push(Candidate { q, state, rollouts });
        }
    }
}
