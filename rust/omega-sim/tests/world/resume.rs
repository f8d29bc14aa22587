//! A run can be stopped and resumed anywhere, from a snapshot or from the responses alone.

use crate::support::{Recorder, STRATEGIES, bytes, config, questions, run, setups};
use omega_core::{
    Config, Event, Outcome, QuestionId, Request, Response, RolloutText, Scheduler, SearchArtifacts, StateKey,
};
use omega_sim::{Policy, Rng, Setup, World, drive};
use std::collections::{BTreeMap, BTreeSet};

/// A scheduler between two calls, and what its driver holds.
#[derive(Clone)]
struct Point {
    snapshot: Vec<u8>,
    pending: Vec<Request>,
    finished: BTreeMap<QuestionId, SearchArtifacts>,
}

impl Point {
    fn start(config: Config, world: &World) -> Self {
        let mut scheduler = Scheduler::new(config).unwrap();
        for question in questions(world, 3) {
            scheduler.add_question(question).unwrap();
        }
        Self { snapshot: scheduler.snapshot(), pending: vec![], finished: BTreeMap::new() }
    }

    /// Restores, then polls or answers one pending request; `None` at the end.
    fn step(mut self, world: &World, rng: &mut Rng) -> Option<Self> {
        let mut scheduler = Scheduler::restore(&self.snapshot).unwrap();
        if scheduler.is_done() {
            return None;
        }
        assert_eq!(scheduler.in_flight(), self.pending.len());
        let new = if rng.chance(0.5) { scheduler.poll_requests(1 + rng.below(4)) } else { vec![] };
        if new.is_empty() && !self.pending.is_empty() {
            let request = self.pending.swap_remove(rng.below(self.pending.len()));
            let outcome = Outcome::Rollout(world.answer(&request));
            scheduler.handle_responses(vec![Response { id: request.id, outcome }]).unwrap();
        }
        self.pending.extend(new);
        for event in scheduler.poll_events() {
            if let Event::SearchFinished { question } = event {
                self.finished.insert(question, scheduler.retire(question).unwrap());
            }
        }
        self.snapshot = scheduler.snapshot();
        Some(self)
    }

    fn finish(self, world: &World, rng: &mut Rng) -> Vec<SearchArtifacts> {
        let mut last = self;
        while let Some(next) = last.clone().step(world, rng) {
            last = next;
        }
        last.finished.into_values().collect()
    }
}

#[test]
fn a_snapshot_at_any_point_leads_to_the_same_labels() {
    let world = World::five_steps(6);
    for locate in STRATEGIES {
        let config = Config { locate, rollout_budget: 30, token_budget: Some(8000), ..config(4) };
        let expected = bytes(&run(config.clone(), &world, questions(&world, 3)));
        let mut rng = Rng::named(&[1]);
        let (mut at, mut points) = (Some(Point::start(config, &world)), 0);
        while let Some(point) = at {
            assert!(bytes(&point.clone().finish(&world, &mut rng)) == expected, "{locate:?} point {points}");
            points += 1;
            at = point.step(&world, &mut rng);
        }
        assert!(points > 50);
    }
}

/// Answers from a record of an earlier run, by content.
struct Replay(BTreeMap<(QuestionId, StateKey, u32), RolloutText>);

impl Policy for Replay {
    fn answer(&self, request: &Request) -> RolloutText {
        self.0[&(request.id.question, request.state, request.draw)].clone()
    }
}

#[test]
fn recorded_responses_rebuild_the_same_bytes() {
    let world = World { distinct_right: false, ..World::five_steps(6) };
    for locate in STRATEGIES {
        let config = Config { locate, ..config(8) };
        let recorder = Recorder::new(&world);
        let specs = questions(&world, 20);
        let first = drive(config.clone(), &recorder, specs.clone(), &setups()[8]).unwrap().artifacts;
        let log = recorder.log.into_inner();
        let record =
            log.into_iter().map(|(one, answer)| ((one.id.question, one.state, one.draw), answer)).collect();
        let replayed = drive(config, &Replay(record), specs, &Setup::default()).unwrap().artifacts;
        assert!(bytes(&replayed) == bytes(&first));
    }
}

#[test]
fn a_larger_budget_replays_the_smaller_run() {
    // An extended run asks for every draw of the run it extends.
    let world = World::five_steps(6);
    let draws = |rollout_budget| -> BTreeSet<_> {
        let recorder = Recorder::new(&world);
        run(Config { rollout_budget, ..config(8) }, &recorder, questions(&world, 20));
        let log = recorder.log.into_inner();
        log.into_iter().map(|(request, _)| (request.id.question, request.state, request.draw)).collect()
    };
    let (small, large) = (draws(40), draws(200));
    assert!(small.len() < large.len());
    assert!(small.is_subset(&large));
}
