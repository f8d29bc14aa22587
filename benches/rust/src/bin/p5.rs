//! P5: the next candidate of `OmegaPRM`, by the indexed pool and by a scan over all states whose Q is cached.

use omega_bench::{Verdict, bar, median, seconds};
use omega_core::{CandidatePool, NodeId, OmegaScore, RolloutId};

const ROUNDS: usize = 5;
/// Wrong rollouts that wait at each state.
const ROLLOUTS: u32 = 8;

fn main() {
    let sizes = [1_000, 4_000, 10_000, 100_000, 1_000_000];
    let mut first = None;
    for states in sizes {
        let (pool, scan) = measure(states);
        let per_state = pool / f64::from(states);
        let linear = *first.get_or_insert(per_state);
        if states == 1_000 {
            continue;
        }
        let scan = format!("{scan:.0}ns(cached scan)");
        if states == 4_000 {
            bar("P5", "ns a selection, 4e3 states", pool, scan, Verdict::AtMost, 1_000.0);
        } else {
            let what = format!("{pool:.0} ns a selection, {states} states: growth against linear from 1e3");
            bar("P5", what, per_state / linear, scan, Verdict::AtMost, 1.0);
        }
    }
}

/// Nanoseconds a selection takes: medians of the pool and of the scan, in turn, over the same states.
fn measure(states: u32) -> (f64, f64) {
    let score = OmegaScore::default();
    let scans = (20_000_000 / states).clamp(3, 4_000);
    let selections = scans.max(states.min(100_000));
    let (mut pool_ns, mut scan_ns) = (vec![], vec![]);
    for round in 0..ROUNDS {
        let mut random = Random(88_172_645_463_325_252 + round as u64);
        let mut pool = CandidatePool::default();
        let mut table = Vec::new();
        for state in 0..states {
            let mc = (random.next() % 7 + 1) as f64 / 8.0;
            let mut rollouts = Vec::new();
            for at in 0..ROLLOUTS {
                let length = u32::try_from(random.next() % 1_000 + 20).expect("a short rollout");
                rollouts.push((score.q(mc, length), RolloutId(ROLLOUTS * state + at)));
            }
            table.push(rollouts.clone());
            pool.add(NodeId(state), rollouts);
        }
        let mut scan = Scan::new(table);
        // As many visits before the clock starts as a search in full swing has.
        for _ in 0..states / 2 {
            let found = pool.select(&score).expect("rollouts are left");
            scan.take(found);
        }
        let mut expected = Vec::new();
        let (time, ()) = seconds(|| (0..scans).for_each(|_| expected.push(scan.select(&score))));
        scan_ns.push(time * 1e9 / f64::from(scans));
        let mut found = Vec::with_capacity(selections as usize);
        let (time, ()) = seconds(|| (0..selections).for_each(|_| found.extend(pool.select(&score))));
        pool_ns.push(time * 1e9 / f64::from(selections));
        assert_eq!(found[..expected.len()], expected, "the pool selects what the scan does");
    }
    (median(pool_ns), median(scan_ns))
}

/// The full scan, with the Q of each state's best rollout at hand.
struct Scan {
    q: Vec<f64>,
    visits: Vec<u32>,
    all_visits: u32,
    /// Best last.
    rollouts: Vec<Vec<(f64, RolloutId)>>,
}

impl Scan {
    fn new(mut rollouts: Vec<Vec<(f64, RolloutId)>>) -> Self {
        for waiting in &mut rollouts {
            waiting.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        }
        let q =
            rollouts.iter().map(|waiting| waiting.last().map_or(f64::NEG_INFINITY, |best| best.0)).collect();
        Self { q, visits: vec![0; rollouts.len()], all_visits: 0, rollouts }
    }

    fn select(&mut self, score: &OmegaScore) -> (NodeId, RolloutId) {
        let weight = score.u(self.all_visits, 0);
        let (mut best, mut top) = (0, f64::NEG_INFINITY);
        for (state, (q, &visits)) in self.q.iter().zip(&self.visits).enumerate() {
            let value = q + weight / (1.0 + f64::from(visits));
            if value > top {
                (best, top) = (state, value);
            }
        }
        let rollout = self.rollouts[best].last().expect("the best state has a rollout").1;
        let found = (NodeId(u32::try_from(best).expect("few states")), rollout);
        self.take(found);
        found
    }

    fn take(&mut self, (state, _): (NodeId, RolloutId)) {
        let at = state.index();
        self.rollouts[at].pop();
        self.q[at] = self.rollouts[at].last().map_or(f64::NEG_INFINITY, |best| best.0);
        self.visits[at] += 1;
        self.all_visits += 1;
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
