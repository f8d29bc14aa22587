//! Errors located by a posterior: the same at every pace, whatever was learnt meanwhile, and as sure as it says.

use crate::support::{Recorder, bytes, config, questions, run};
use omega_core::{
    Config, HardRule, LocateKind, Outcome, Response, Scheduler, SearchArtifacts, SearchOutcome, StoppingRule,
};
use omega_sim::{Faults, Figures, Latency, Recovery, Setup, World, drive, prefix, truth};

fn bayes(rollout_budget: u32) -> Config {
    Config { locate: LocateKind::Bayes, rollout_budget, ..config(8) }
}

fn worlds() -> [World; 2] {
    let world = World::five_steps(9);
    [world, World { distinct_right: false, recovery: Recovery { rho: 0.1, gamma: 0.5 }, ..world }]
}

#[test]
fn labels_are_the_same_bytes_at_every_pace_and_across_epochs() {
    for world in worlds() {
        let run = |setup: &Setup| drive(bayes(30), &world, questions(&world, 140), setup).unwrap().artifacts;
        let expected = run(&Setup::default());
        let epochs: Vec<_> = [0, 15, 16, 32, 64, 128].iter().map(|&at: &usize| expected[at].epoch).collect();
        assert_eq!(epochs, [0, 0, 1, 2, 3, 4].map(Some));
        for (slots, max_open, batch) in [(1, 1, 1), (7, 3, 3), (256, usize::MAX, 40)] {
            let latency = Latency { start: 2, wrong: 3 };
            for speculation in [0.0, 1.0] {
                let shuffle = 4;
                let setup =
                    Setup { slots, max_open, latency, batch, shuffle, speculation, ..Setup::default() };
                assert!(bytes(&run(&setup)) == bytes(&expected), "{setup:?}");
            }
        }
    }
}

#[test]
fn lost_draws_are_paid_for_and_end_in_time() {
    let world = World::five_steps(9);
    let faults = Faults { seed: 4, loss: 0.3, attempts: 1 };
    let setup = Setup { faults, ..Setup::default() };
    let run = drive(bayes(60), &world, questions(&world, 12), &setup).unwrap();
    assert_eq!(run.artifacts.iter().map(|one| one.counts.excluded).sum::<u32>(), run.lost);
    assert!(run.artifacts.iter().all(|one| one.counts.rollouts <= 60));
}

#[test]
fn a_scheduler_restored_after_every_response_decides_the_same() {
    let world = World::five_steps(9);
    let expected = run(bayes(40), &world, questions(&world, 2));
    let mut scheduler = Scheduler::new(bayes(40)).unwrap();
    for question in questions(&world, 2) {
        scheduler.add_question(question).unwrap();
    }
    while !scheduler.is_done() {
        for request in scheduler.poll_requests(1) {
            let outcome = Outcome::Rollout(world.answer(&request));
            scheduler.handle_responses(vec![Response { id: request.id, outcome }]).unwrap();
        }
        scheduler = Scheduler::restore(&scheduler.snapshot()).unwrap();
    }
    let ids = (0..2).map(omega_core::QuestionId);
    let found: Vec<SearchArtifacts> = ids.map(|id| scheduler.retire(id).unwrap()).collect();
    assert!(bytes(&found) == bytes(&expected));
}

#[test]
fn answers_are_as_exact_as_they_claim() {
    let world = World { recovery: Recovery { rho: 0.1, gamma: 1.0 }, ..World::five_steps(5) };
    let (mut located, mut exact) = (0, 0);
    for artifacts in run(bayes(120), &world, questions(&world, 60)) {
        for search in artifacts.searches.iter().filter(|one| one.outcome == SearchOutcome::Located) {
            let whole = prefix(&artifacts, search.node) + &artifacts.rollouts[search.rollout as usize].text;
            let step = search.error_step.unwrap() as usize;
            assert!(search.posterior[step] >= 0.95);
            located += 1;
            exact += usize::from(truth::first_error(&whole) == Some(step));
        }
    }
    assert!(located > 200 && exact * 100 >= located * 92, "{exact} of {located}");
}

#[test]
fn states_a_posterior_stopped_at_say_so_and_are_labelled_by_it_alone() {
    let world = World::five_steps(5);
    for artifacts in run(bayes(80), &world, questions(&world, 20)) {
        let probed = artifacts.nodes[1..].iter().filter(|node| node.n_rollouts > 0);
        for node in probed.filter(|node| node.stopping_rule != StoppingRule::Budget) {
            assert_eq!(node.stopping_rule, StoppingRule::Posterior);
            assert!(matches!(node.hard_rule, None | Some(HardRule::Posterior)));
        }
        let sure = artifacts.nodes.iter().filter(|node| node.hard_rule == Some(HardRule::Posterior));
        assert!(sure.into_iter().all(|node| node.confidence.unwrap() >= 0.95));
    }
}

#[test]
fn states_that_are_surely_right_are_drawn_from_again_but_never_beyond_k_for_their_own_sake() {
    let world = World::five_steps(5);
    let config = Config { rollout_budget: 200, max_search_count: 1_000, ..bayes(200) };
    let all = run(config, &world, questions(&world, 30));
    let mut further = 0;
    for artifacts in &all {
        assert_eq!(artifacts.nodes[0].n_rollouts, 8, "the root's estimate keeps its size");
        // Draws of states that no search probed were made for their own sake.
        let probed: Vec<u32> = artifacts.searches.iter().flat_map(|one| one.probes.clone()).collect();
        let unprobed = artifacts.nodes[1..].iter().enumerate();
        for (_, node) in unprobed.filter(|(at, _)| !probed.contains(&u32::try_from(at + 1).unwrap())) {
            assert!(node.n_rollouts <= 8);
            assert!(node.n_rollouts == 0 || node.stopping_rule == StoppingRule::Posterior);
            further += node.n_rollouts;
        }
        let mut searched: Vec<u32> = artifacts.searches.iter().map(|one| one.rollout).collect();
        searched.sort_unstable();
        searched.dedup();
        assert_eq!(searched.len(), artifacts.searches.len(), "no rollout is searched twice");
    }
    assert!(further > 0, "some state was drawn from again");
}

#[test]
fn a_rollout_buys_more_exact_errors_than_with_the_published_rule() {
    let world = World { recovery: Recovery { rho: 0.1, gamma: 1.0 }, ..World::five_steps(5) };
    let per_thousand = |locate| {
        let config = Config { locate, max_search_count: 1_000, rollout_budget: 200, ..config(16) };
        let figures = Figures::of_core(&run(config, &world, questions(&world, 25)), 200);
        figures.per_thousand(figures.exact)
    };
    let (binary, bayes) = (per_thousand(LocateKind::Binary), per_thousand(LocateKind::Bayes));
    assert!(bayes > 2.0 * binary, "{bayes} beside {binary}");
}

#[test]
fn no_draw_is_made_twice() {
    let world = World::five_steps(5);
    let recorder = Recorder::new(&world);
    run(bayes(80), &recorder, questions(&world, 20));
    let mut draws: Vec<_> =
        recorder.log.into_inner().iter().map(|(one, _)| (one.id.question, one.state, one.draw)).collect();
    let made = draws.len();
    draws.sort_unstable();
    draws.dedup();
    assert_eq!(draws.len(), made);
}

#[test]
fn a_sequential_test_takes_no_lucky_recovery_for_proof() {
    let world = World { recovery: Recovery { rho: 0.1, gamma: 1.0 }, ..World::five_steps(5) };
    let hits = |locate| {
        let config = Config { locate, rollout_budget: 200, ..config(16) };
        let all = run(config, &world, questions(&world, 40));
        let searches = all.iter().flat_map(|one| one.searches.iter().map(move |search| (one, search)));
        let found: Vec<bool> = searches
            .filter(|(_, search)| search.outcome == SearchOutcome::Located)
            .map(|(one, search)| {
                let whole = prefix(one, search.node) + &one.rollouts[search.rollout as usize].text;
                truth::first_error(&whole) == search.error_step.map(|step| step as usize)
            })
            .collect();
        found.iter().filter(|hit| **hit).count() as f64 / found.len() as f64
    };
    let (binary, sequential) = (hits(LocateKind::Binary), hits(LocateKind::Sequential));
    assert!(sequential > binary + 0.1, "{sequential} beside {binary}");
}
