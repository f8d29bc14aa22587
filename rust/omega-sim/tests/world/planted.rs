//! Where estimates are exact, every located error is the planted one.

use crate::support::{BY_ONE_SUCCESS, Recorder, config, questions, run};
use omega_core::{Config, QuestionSpec, SearchArtifacts, SearchOutcome, SearchRecord, Supplied, Unlocated};
use omega_sim::{Rates, World, prefix, truth};
use std::collections::BTreeSet;

const K: u32 = 8;

/// 1,000 questions over three lengths; a right prefix has at least one success among k draws, a wrong one none.
fn worlds() -> [(World, u32); 4] {
    let world = World { solvable_in: Some(K), ..World::five_steps(3) };
    [
        (world, 400),
        (World { steps: 8, rates: Rates::PerStep(0.05, 0.35), distinct_right: false, ..world }, 200),
        (World { steps: 13, rates: Rates::Constant(0.15), ..world }, 200),
        (World { steps: 16, rates: Rates::HardStep, distinct_right: false, ..world }, 200),
    ]
}

fn text(artifacts: &SearchArtifacts, search: &SearchRecord) -> String {
    let rollout = &artifacts.rollouts[search.rollout as usize];
    prefix(artifacts, search.node) + &rollout.text
}

fn assert_exact(artifacts: &SearchArtifacts) {
    for search in &artifacts.searches {
        if search.outcome == SearchOutcome::NotLocated {
            assert_eq!(search.reason, Some(Unlocated::RolloutBudget));
            continue;
        }
        let planted = truth::first_error(&text(artifacts, search)).unwrap();
        assert_eq!(search.error_step.unwrap() as usize, planted);
        assert!(truth::prefix_is_right(&prefix(artifacts, search.right_node.unwrap())));
        assert!(!truth::prefix_is_right(&prefix(artifacts, search.error_node.unwrap())));
    }
}

#[test]
fn every_located_error_is_the_planted_one() {
    for locate in BY_ONE_SUCCESS {
        for (world, count) in worlds() {
            let all = run(Config { locate, ..config(K) }, &world, questions(&world, count));
            all.iter().for_each(assert_exact);
            let located: u32 = all.iter().map(|one| one.counts.located).sum();
            assert!(located > count, "{locate:?} located {located}");
        }
    }
}

#[test]
fn hard_labels_tell_right_prefixes_from_wrong_ones() {
    for (world, count) in worlds() {
        for artifacts in run(config(K), &world, questions(&world, count)) {
            for node in &artifacts.nodes {
                let right = truth::prefix_is_right(&prefix(&artifacts, node.id));
                assert!(node.hard.is_none_or(|hard| hard == right), "{}", node.id);
            }
        }
    }
}

#[test]
fn binary_search_makes_at_most_log2_probes() {
    for (world, count) in worlds() {
        for artifacts in run(config(K), &world, questions(&world, count)) {
            for search in &artifacts.searches {
                let rollout = &artifacts.rollouts[search.rollout as usize];
                let bound = truth::steps(&rollout.text).len().next_power_of_two().trailing_zeros();
                assert!(search.probes.len() <= bound as usize);
            }
        }
    }
}

#[test]
fn no_draw_is_made_twice_and_no_state_is_drawn_from_more_than_k_times() {
    for locate in BY_ONE_SUCCESS {
        for (world, count) in worlds() {
            let recorder = Recorder::new(&world);
            let all = run(Config { locate, ..config(K) }, &recorder, questions(&world, count));
            let log = recorder.log.into_inner();
            let draws: BTreeSet<_> =
                log.iter().map(|(one, _)| (one.id.question, one.state, one.draw)).collect();
            assert_eq!(draws.len(), log.len());
            assert!(log.iter().all(|(request, _)| request.draw < K));
            let counted: u32 = all.iter().map(|one| one.counts.rollouts).sum();
            assert_eq!(counted as usize, log.len());
        }
    }
}

#[test]
fn no_rollout_is_searched_twice() {
    for locate in BY_ONE_SUCCESS {
        for (world, count) in worlds() {
            for artifacts in run(Config { locate, ..config(K) }, &world, questions(&world, count)) {
                let searched: BTreeSet<u32> = artifacts.searches.iter().map(|one| one.rollout).collect();
                assert_eq!(searched.len(), artifacts.searches.len());
            }
        }
    }
}

#[test]
fn no_finished_solution_is_continued() {
    for (world, count) in worlds() {
        let recorder = Recorder::new(&world);
        run(config(K), &recorder, questions(&world, count));
        let log = recorder.log.into_inner();
        assert!(log.iter().all(|(request, _)| truth::steps(&request.prefix).len() < world.steps));
    }
}

#[test]
fn supplied_solutions_are_labelled_exactly() {
    for solutions in [Supplied::Label, Supplied::Seed] {
        for (world, _) in worlds() {
            let specs = (0..50).map(|number| {
                let solutions = (0..4).map(|one| world.solution(number, one)).collect();
                QuestionSpec { solutions, ..world.question(number) }
            });
            let config = Config { solutions, rollout_budget: 1000, ..config(K) };
            for artifacts in run(config, &world, specs.collect()) {
                for search in artifacts.searches.iter().take(4) {
                    let planted = truth::first_error(&text(&artifacts, search));
                    assert_eq!(search.error_step.map(|step| step as usize), planted);
                }
                assert!(artifacts.searches.len() >= 4);
            }
        }
    }
}

#[test]
fn estimates_count_the_continuations_launched_at_the_state_alone() {
    for (world, count) in worlds() {
        for artifacts in run(config(K), &world, questions(&world, count)) {
            for node in artifacts.nodes.iter().filter(|node| node.n_rollouts > 0) {
                let launched = artifacts.rollouts.iter().filter(|rollout| rollout.node == node.id);
                assert_eq!(node.n_rollouts as usize, launched.count());
            }
        }
    }
}
