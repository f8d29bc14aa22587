//! The published rule beside the core.

use crate::support::{config, questions, run};
use omega_sim::{Figures, Published, World, truth};

const QUESTIONS: u32 = 100;

fn published(rule: Published, world: &World) -> Figures {
    let all: Vec<_> = (0..QUESTIONS).map(|question| rule.search(world, question)).collect();
    Figures::of_published(&all, rule.rollout_budget)
}

#[test]
fn the_core_locates_three_times_as_many_errors_as_the_published_rule() {
    let world = World::five_steps(1);
    let released = published(Published::released(), &world);
    let core = Figures::of_core(&run(config(16), &world, questions(&world, QUESTIONS)), 200);
    let (ours, theirs) = (core.per_thousand(core.located), released.per_thousand(released.located));
    assert!(ours >= 3.0 * theirs, "{ours} beside {theirs}");
}

#[test]
fn the_published_rule_repeats_itself_and_the_core_does_not() {
    let world = World::five_steps(1);
    let released = published(Published::released(), &world);
    assert!(2 * released.repeats > released.searches && released.estimates_repeated > 0);
    let core = Figures::of_core(&run(config(16), &world, questions(&world, QUESTIONS)), 200);
    assert_eq!((core.repeats, core.estimates_repeated), (0, 0));
}

#[test]
fn the_published_rule_exceeds_its_budget_and_the_core_does_not() {
    let world = World::five_steps(1);
    assert!(published(Published::released(), &world).overshoot > 0);
    let core = Figures::of_core(&run(config(16), &world, questions(&world, QUESTIONS)), 200);
    assert_eq!(core.overshoot, 0);
}

#[test]
fn without_repeats_the_published_rule_locates_more() {
    let world = World::five_steps(1);
    let released = published(Published::released(), &world);
    let mended = published(Published { puts_back: false, ..Published::released() }, &world);
    assert_eq!(mended.repeats, 0);
    assert!(mended.per_thousand(mended.located) > released.per_thousand(released.located));
}

#[test]
fn the_published_rule_is_right_where_estimates_are() {
    // With half the steps wrong at most and many draws, a right prefix is hardly ever left unsolved.
    let world = World { steps: 3, ..World::five_steps(1) };
    let search = Published { k: 64, rollout_budget: 2000, ..Published::released() }.search(&world, 0);
    assert!(!search.located.is_empty());
    for ((before, step), exact) in search.located {
        assert!(exact && truth::prefix_is_right(&before) && step.starts_with('w'));
    }
}
