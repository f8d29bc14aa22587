//! Several searches of one question at once: more is asked for at a time, and nothing else depends on when it comes.

use crate::support::{bytes, config, questions, run};
use omega_core::{
    Config, LocateKind, Outcome, QuestionId, Request, Response, Scheduler, SearchArtifacts, Unlocated,
};
use omega_sim::{Faults, Latency, Recovery, Setup, World, drive};
use std::collections::BTreeSet;

fn bayes(searches_at_once: u32) -> Config {
    Config { locate: LocateKind::Bayes, searches_at_once, rollout_budget: 80, ..config(8) }
}

fn answer(world: &World, request: &Request) -> Response {
    Response { id: request.id, outcome: Outcome::Rollout(world.answer(request)) }
}

/// The most requests that one question has out at once after its root's.
fn most_at_once(config: Config, world: &World) -> usize {
    let mut scheduler = Scheduler::new(config).unwrap();
    scheduler.add_question(world.question(0)).unwrap();
    let mut most = 0;
    while !scheduler.is_done() {
        let requests = scheduler.poll_requests(100);
        if requests.iter().all(|one| !one.at_root) {
            most = most.max(requests.len());
        }
        scheduler.handle_responses(requests.iter().map(|one| answer(world, one)).collect()).unwrap();
    }
    most
}

#[test]
fn as_many_draws_are_out_as_searches_are_under_way() {
    let world = World::five_steps(3);
    for searches in [1, 3, 6] {
        assert_eq!(most_at_once(bayes(searches), &world), searches as usize);
    }
}

#[test]
fn other_strategies_search_one_rollout_at_a_time_whatever_is_asked_for() {
    let world = World::five_steps(3);
    for locate in [LocateKind::Binary, LocateKind::EarlyStop, LocateKind::Sequential] {
        let found = |searches_at_once| {
            let config = Config { locate, searches_at_once, ..config(8) };
            bytes(&run(config, &world, questions(&world, 4)))
        };
        assert!(found(1) == found(7), "{locate:?}");
    }
}

#[test]
fn labels_are_the_same_bytes_at_every_pace_whatever_goes_on_at_once() {
    let shared =
        World { distinct_right: false, recovery: Recovery { rho: 0.1, gamma: 0.5 }, ..World::five_steps(9) };
    for world in [World::five_steps(9), shared] {
        for searches in [1, 2, 5, 16] {
            let found = |setup: &Setup| {
                bytes(&drive(bayes(searches), &world, questions(&world, 8), setup).unwrap().artifacts)
            };
            let expected = found(&Setup::default());
            for (slots, batch, speculation) in [(1, 1, 0.0), (7, 3, 1.0), (256, 40, 0.0), (256, 1, 1.0)] {
                let setup = Setup {
                    slots,
                    batch,
                    speculation,
                    latency: Latency { start: 2, wrong: 3 },
                    shuffle: 4,
                    faults: Faults { seed: 1, loss: 0.0, attempts: 1 },
                    ..Setup::default()
                };
                assert!(found(&setup) == expected, "{searches} {setup:?}");
            }
        }
    }
}

#[test]
fn no_draw_of_states_that_searches_share_is_made_twice() {
    let world = World { distinct_right: false, ..World::five_steps(4) };
    for artifacts in run(bayes(8), &world, questions(&world, 20)) {
        let named = artifacts.rollouts.iter().map(|one| (one.node, one.draw));
        assert_eq!(named.collect::<BTreeSet<_>>().len(), artifacts.rollouts.len());
        let mut searched: Vec<u32> = artifacts.searches.iter().map(|one| one.rollout).collect();
        searched.sort_unstable();
        searched.dedup();
        assert_eq!(searched.len(), artifacts.searches.len(), "no rollout is searched twice");
    }
}

/// Searches that a budget ended, by question.
fn cut_short(searches_at_once: u32) -> f64 {
    let world = World::five_steps(6);
    let config = Config { max_search_count: 1_000, ..bayes(searches_at_once) };
    let all: Vec<SearchArtifacts> = run(config, &world, questions(&world, 40));
    assert!(all.iter().all(|one| one.counts.rollouts <= 80));
    let cut = |one: &SearchArtifacts| {
        one.searches.iter().filter(|one| one.reason == Some(Unlocated::RolloutBudget)).count()
    };
    all.iter().map(cut).sum::<usize>() as f64 / all.len() as f64
}

#[test]
fn a_budget_ends_in_few_searches_however_many_there_were_at_once() {
    assert!(cut_short(8) < 2.0 * cut_short(1).max(0.5), "{} {}", cut_short(8), cut_short(1));
}

#[test]
fn requests_of_questions_that_others_wait_for_go_out_first() {
    let world = World::five_steps(3);
    let mut scheduler = Scheduler::new(bayes(4)).unwrap();
    for question in questions(&world, 20) {
        scheduler.add_question(question).unwrap();
    }
    // Questions 16 to 19 wait for the first four.
    let first = scheduler.poll_requests(4 * 8);
    assert!(first.iter().all(|one| one.id.question.index() < 4));
    scheduler.handle_responses(first.iter().map(|one| answer(&world, one)).collect()).unwrap();
    let next = scheduler.poll_requests(4 * 8);
    let waited_for: Vec<bool> = next.iter().map(|one| one.id.question < QuestionId(4)).collect();
    assert!(
        waited_for[0] && !waited_for[waited_for.len() - 1] && waited_for.is_sorted_by(|a, b| a >= b),
        "{next:?}"
    );
}

#[test]
fn a_configuration_that_does_not_say_searches_one_at_a_time_as_runs_of_old_did() {
    assert_eq!(Config::from_json("{}").unwrap().searches_at_once, 1);
    let refused = Config::from_json(r#"{"searches_at_once": 0}"#).unwrap_err().to_string();
    assert!(refused.contains("searches_at_once"), "{refused}");
}
