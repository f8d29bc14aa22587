//! A draw's seed is a function of the run, the question, the state and the number of the draw.

use crate::support::{config, policy, question, run};
use omega_core::{Config, QuestionSpec};
use std::collections::BTreeSet;

/// The seeds of a run, by state and draw.
fn seeds(seed: u64, spec: QuestionSpec) -> Vec<u64> {
    let mut seeds = Vec::new();
    run(Config { seed, ..config() }, spec, |request| {
        seeds.push(request.seed);
        policy(request)
    });
    seeds
}

#[test]
fn equal_runs_have_equal_seeds() {
    assert_eq!(seeds(3, question()), seeds(3, question()));
}

#[test]
fn no_two_draws_share_a_seed() {
    let other_id = QuestionSpec { id: "other".into(), ..question() };
    let other_text = QuestionSpec { problem: "other".into(), ..question() };
    let all: Vec<u64> =
        [seeds(3, question()), seeds(4, question()), seeds(3, other_id), seeds(3, other_text)].concat();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn seeds_fit_a_signed_integer() {
    assert!(seeds(3, question()).into_iter().all(|seed| i64::try_from(seed).is_ok()));
}

#[test]
fn artifacts_name_the_seed_of_every_draw() {
    let mut sent = BTreeSet::new();
    let artifacts = run(config(), question(), |request| {
        sent.insert(Some(request.seed));
        policy(request)
    });
    assert_eq!(artifacts.rollouts.iter().map(|rollout| rollout.seed).collect::<BTreeSet<_>>(), sent);
}
