//! Configurations and set-ups, and a policy that remembers.

use omega_core::{Config, LocateKind, QuestionSpec, Request, RolloutText, SearchArtifacts, Split};
use omega_sim::{Faults, Latency, Policy, Setup, World, drive};
use std::cell::RefCell;

pub(crate) const STRATEGIES: [LocateKind; 5] = [
    LocateKind::Binary,
    LocateKind::EarlyStop,
    LocateKind::EveryStep,
    LocateKind::Sequential,
    LocateKind::Bayes,
];

/// Those to which one success is proof, and that draw k times from a state at most.
pub(crate) const BY_ONE_SUCCESS: [LocateKind; 3] =
    [LocateKind::Binary, LocateKind::EarlyStop, LocateKind::EveryStep];

/// The published search, which most of these worlds know the answers of; a test of another strategy names it.
pub(crate) fn config(num_rollouts: u32) -> Config {
    let split = Split::Separator { separator: "\n".into() };
    Config { num_rollouts, locate: LocateKind::Binary, split, ..Config::default() }
}

pub(crate) fn questions(world: &World, count: u32) -> Vec<QuestionSpec> {
    (0..count).map(|question| world.question(question)).collect()
}

pub(crate) fn run(config: Config, world: &impl Policy, questions: Vec<QuestionSpec>) -> Vec<SearchArtifacts> {
    drive(config, world, questions, &Setup::default()).unwrap().artifacts
}

pub(crate) fn bytes(artifacts: &[SearchArtifacts]) -> Vec<Vec<u8>> {
    artifacts.iter().map(SearchArtifacts::to_json).collect()
}

/// Engines that differ in everything that must not matter.
pub(crate) fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for (slots, batch) in [(1, 1), (7, 3), (256, 40)] {
        for (shuffle, max_open, wrong) in [(1, 1, 1), (2, 3, 3), (3, usize::MAX, 2)] {
            let latency = Latency { start: 2, wrong };
            let faults = Faults { seed: 5, loss: 0.0, attempts: 1 };
            for speculation in [0.0, 1.0] {
                setups.push(Setup { slots, max_open, latency, batch, shuffle, faults, speculation });
            }
        }
    }
    setups
}

/// Passes requests on and keeps each with its answer.
pub(crate) struct Recorder<'a, P> {
    policy: &'a P,
    pub(crate) log: RefCell<Vec<(Request, RolloutText)>>,
}

impl<'a, P> Recorder<'a, P> {
    pub(crate) fn new(policy: &'a P) -> Self {
        Self { policy, log: RefCell::new(Vec::new()) }
    }
}

impl<P: Policy> Policy for Recorder<'_, P> {
    fn answer(&self, request: &Request) -> RolloutText {
        let answer = self.policy.answer(request);
        self.log.borrow_mut().push((request.clone(), answer.clone()));
        answer
    }
}
