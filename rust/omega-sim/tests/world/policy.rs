//! The world is what it says it is.

use crate::support::{config, questions, run};
use omega_core::{RolloutText, Verdict};
use omega_sim::{Rates, Recovery, Rng, World, truth};

fn draws(world: &World, prefix: &str) -> Vec<RolloutText> {
    (0..4000).map(|seed| world.draw(0, prefix, seed, false)).collect()
}

fn share(all: &[RolloutText], counted: impl Fn(&RolloutText) -> bool) -> f64 {
    all.iter().filter(|one| counted(one)).count() as f64 / all.len() as f64
}

fn is_right(rollout: &RolloutText) -> bool {
    rollout.verdict == Verdict::Correct
}

#[test]
fn streams_are_functions_of_their_names() {
    let numbers = |name: &[u64]| -> Vec<u64> {
        let mut rng = Rng::named(name);
        (0..4).map(|_| rng.bits()).collect()
    };
    assert_eq!(numbers(&[1, 2]), numbers(&[1, 2]));
    assert_ne!(numbers(&[1, 2]), numbers(&[2, 1]));
    assert_ne!(numbers(&[0]), numbers(&[0, 0]));
}

#[test]
fn a_right_prefix_is_solved_as_often_as_no_step_errs() {
    let world = World { rates: Rates::Constant(0.2), ..World::five_steps(1) };
    for (prefix, expected) in
        [("", 0.8_f64.powi(5)), ("r0\nr1\n", 0.8_f64.powi(3)), ("r0\nr1\nr2\nr3\n", 0.8)]
    {
        let found = share(&draws(&world, prefix), is_right);
        assert!((found - expected).abs() < 0.03, "{prefix:?}: {found} for {expected}");
    }
}

#[test]
fn a_wrong_prefix_recovers_less_the_further_it_went() {
    let world = World { recovery: Recovery { rho: 0.4, gamma: 0.5 }, ..World::five_steps(1) };
    for (prefix, expected) in [("w0\n", 0.4), ("r0\nw1\nw2\n", 0.2), ("w0\nw1\nw2\n", 0.1)] {
        let found = share(&draws(&world, prefix), is_right);
        assert!((found - expected).abs() < 0.03, "{prefix:?}: {found} for {expected}");
    }
}

#[test]
fn a_recovered_solution_keeps_its_wrong_step() {
    let recovery = Recovery { rho: 0.3, gamma: 1.0 };
    let world = World { rates: Rates::Constant(0.2), recovery, ..World::five_steps(1) };
    let all = draws(&world, "");
    let erred = |one: &RolloutText| !truth::prefix_is_right(&one.text);
    assert!((share(&all, erred) - (1.0 - 0.8_f64.powi(5))).abs() < 0.03);
    let recovered = share(&all, |one| erred(one) && is_right(one)) / share(&all, erred);
    assert!((recovered - 0.3).abs() < 0.03, "{recovered}");
}

#[test]
fn without_recovery_verdicts_and_texts_agree() {
    let all = draws(&World::five_steps(1), "r0\n");
    assert!(all.iter().all(|one| is_right(one) == truth::prefix_is_right(&one.text)));
}

#[test]
fn texts_of_distinct_draws_differ_where_they_should() {
    let world = World { rates: Rates::Constant(0.0), ..World::five_steps(1) };
    let shared = World { distinct_right: false, ..world };
    assert_ne!(world.draw(0, "", 1, false).text, world.draw(0, "", 2, false).text);
    assert_eq!(shared.draw(0, "", 1, false).text, shared.draw(0, "", 2, false).text);
    let wrong = World { rates: Rates::Constant(1.0), ..shared };
    assert_ne!(wrong.draw(0, "", 1, false).text, wrong.draw(0, "", 2, false).text);
}

#[test]
fn rates_keep_to_their_bounds() {
    let world = World { steps: 9, ..World::five_steps(1) };
    for (rates, low, high) in [
        (Rates::PerQuestion(0.05, 0.35), 0.05, 0.35),
        (Rates::PerStep(0.1, 0.2), 0.1, 0.2),
        (Rates::Constant(0.3), 0.3, 0.3),
        (Rates::HardStep, 0.005, 0.8),
        (Rates::Ramp, 0.01, 0.63),
    ] {
        let world = World { rates, ..world };
        let all: Vec<f64> = (0..200).flat_map(|question| world.rates(question)).collect();
        assert!(all.iter().all(|rate| (low..=high).contains(rate)), "{rates:?}");
    }
    let hard = World { rates: Rates::HardStep, ..world };
    let hard_steps = |question| hard.rates(question).iter().filter(|rate| **rate > 0.1).count();
    assert!((0..200).all(|question| hard_steps(question) == 1));
}

#[test]
fn lengths_have_a_long_tail() {
    let mut lengths: Vec<u32> = draws(&World::five_steps(1), "").iter().map(|one| one.n_tokens).collect();
    lengths.sort_unstable();
    let (median, longest) = (lengths[lengths.len() / 2], lengths[lengths.len() - 1]);
    assert!(longest > 4 * median, "{median} {longest}");
}

#[test]
fn a_solvable_world_leaves_no_right_prefix_unsolved() {
    let world = World { solvable_in: Some(4), ..World::five_steps(8) };
    for artifacts in run(config(4), &world, questions(&world, 100)) {
        assert!(artifacts.nodes[0].n_correct > 0);
    }
}
