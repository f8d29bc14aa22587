//! The indexed pool selects what a scan over everything would.

use omega_core::{CandidatePool, NodeId, OmegaScore, RolloutId};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Add(Vec<f64>),
    Select,
}

/// Every (Q, state, rollout) that waits, and N by state.
#[derive(Default)]
struct Scan {
    waiting: Vec<(f64, u32, u32)>,
    visits: Vec<u32>,
    all_visits: u32,
}

impl Scan {
    fn select(&mut self, score: &OmegaScore) -> Option<(NodeId, RolloutId)> {
        let value =
            |&(q, state, _): &(f64, u32, u32)| q + score.u(self.all_visits, self.visits[state as usize]);
        let best = (0..self.waiting.len()).max_by(|&a, &b| {
            let (a, b) = (&self.waiting[a], &self.waiting[b]);
            value(a).total_cmp(&value(b)).then((b.1, b.2).cmp(&(a.1, a.2)))
        })?;
        let (_, state, rollout) = self.waiting.remove(best);
        self.visits[state as usize] += 1;
        self.all_visits += 1;
        Some((NodeId(state), RolloutId(rollout)))
    }
}

fn operations(q: impl Strategy<Value = f64> + Clone) -> impl Strategy<Value = Vec<Operation>> {
    let add = prop::collection::vec(q, 0..6).prop_map(Operation::Add);
    prop::collection::vec(prop_oneof![2 => add, 3 => Just(Operation::Select)], 0..60)
}

fn agree(operations: Vec<Operation>, score: &OmegaScore) -> Result<(), TestCaseError> {
    let (mut pool, mut scan, mut rollouts) = (CandidatePool::default(), Scan::default(), 0);
    let drain = std::iter::repeat_n(Operation::Select, 6 * operations.len() + 1);
    for operation in operations.into_iter().chain(drain) {
        match operation {
            Operation::Select => prop_assert_eq!(pool.select(score), scan.select(score)),
            Operation::Add(qs) => {
                let state = u32::try_from(scan.visits.len()).unwrap();
                scan.visits.push(0);
                let new: Vec<(f64, u32)> = qs.into_iter().zip(rollouts..).collect();
                rollouts += u32::try_from(new.len()).unwrap();
                scan.waiting.extend(new.iter().map(|&(q, rollout)| (q, state, rollout)));
                pool.add(
                    NodeId(state),
                    new.into_iter().map(|(q, rollout)| (q, RolloutId(rollout))).collect(),
                );
            }
        }
        prop_assert_eq!(pool.len(), scan.waiting.len());
    }
    prop_assert!(pool.is_empty());
    Ok(())
}

proptest! {
    #[test]
    fn selection_equals_a_full_scan(operations in operations(0.0..1.0_f64)) {
        agree(operations, &OmegaScore::default())?;
    }

    #[test]
    fn ties_go_to_the_lower_state_then_the_lower_rollout(
        operations in operations((0..3_u8).prop_map(|q| f64::from(q) / 4.0)),
        c_puct in prop_oneof![Just(0.0), Just(0.125), Just(2.0)],
    ) {
        agree(operations, &OmegaScore { c_puct, ..OmegaScore::default() })?;
    }
}

#[test]
fn a_value_from_elsewhere_takes_the_place_of_the_score() {
    let score = OmegaScore::default();
    let mut pool = CandidatePool::default();
    let worth = |state: NodeId, _| if state == NodeId(2) { 0.3 } else { 0.1 };
    for state in 0..4 {
        pool.add(NodeId(state), vec![(0.9, RolloutId(2 * state)), (0.8, RolloutId(2 * state + 1))]);
    }
    for rollout in [4, 5] {
        assert_eq!(pool.settle_best(worth), Some(0.3));
        assert_eq!(pool.select(&score), Some((NodeId(2), RolloutId(rollout))));
    }
    // However often state 0 was visited, no other is worth more.
    for rollout in [0, 1, 2] {
        assert_eq!(pool.settle_best(worth), Some(0.1));
        assert_eq!(pool.select(&score).map(|(_, one)| one), Some(RolloutId(rollout)));
    }
}

#[test]
fn a_state_is_looked_at_anew_only_when_it_seems_the_best() {
    let score = OmegaScore::default();
    let mut pool = CandidatePool::default();
    for state in 0..50 {
        pool.add(NodeId(state), vec![(0.9, RolloutId(2 * state)), (0.9, RolloutId(2 * state + 1))]);
    }
    let mut looks = 0;
    let mut worth = |state: NodeId, _| {
        looks += 1;
        1.0 / f64::from(state.0 + 2)
    };
    while pool.settle_best(&mut worth).is_some() {
        pool.select(&score);
    }
    // Each state at first, then one for each further selection.
    assert_eq!(looks, 50 + 99);
}
