//! Soft labels against the true chance that a continuation ends right: free of bias where they say so.

use crate::support::{Recorder, bytes, config, questions, run, setups};
use omega_core::{Config, LocateKind, SearchArtifacts, StateLabel, StoppingRule};
use omega_sim::{Recovery, World, drive, prefix, truth};

const QUESTIONS: u32 = 250;

fn world() -> World {
    World { recovery: Recovery { rho: 0.1, gamma: 0.65 }, ..World::five_steps(11) }
}

fn locating(locate: LocateKind, soft_rollouts: u32) -> Config {
    Config { locate, soft_rollouts, rollout_budget: 400, ..config(8) }
}

/// V of a state.
fn chance(world: &World, question: u32, text: &str) -> f64 {
    let done = truth::steps(text).len();
    let Recovery { rho, gamma } = world.recovery;
    if let Some(error) = truth::first_error(text) {
        return rho * gamma.powi(i32::try_from(done - error - 1).unwrap());
    }
    let solved: f64 = world.rates(question)[done..].iter().map(|rate| 1.0 - rate).product();
    solved + (1.0 - solved) * rho
}

/// For every state below the root that `estimate` speaks of, how far it is from V.
fn misses(all: &[SearchArtifacts], estimate: impl Fn(&StateLabel) -> Option<f64>) -> Vec<f64> {
    let mut found = Vec::new();
    for (question, artifacts) in (0..).zip(all) {
        for node in &artifacts.nodes[1..] {
            if let Some(estimate) = estimate(node) {
                found.push(estimate - chance(&world(), question, &prefix(artifacts, node.id)));
            }
        }
    }
    found
}

/// The mean and its standard error.
fn mean(misses: &[f64]) -> (f64, f64) {
    let n = misses.len() as f64;
    let mean = misses.iter().sum::<f64>() / n;
    let variance = misses.iter().map(|miss| (miss - mean).powi(2)).sum::<f64>() / n;
    (mean, (variance / n).sqrt())
}

fn plain(rule: StoppingRule) -> impl Fn(&StateLabel) -> Option<f64> {
    move |node| node.mc.filter(|_| node.stopping_rule == rule)
}

fn inverse(node: &StateLabel) -> Option<f64> {
    let sampled = node.stopping_rule == StoppingRule::FirstSuccess && node.n_rollouts > 0;
    let (right, draws) = (f64::from(node.n_correct), f64::from(node.n_rollouts));
    let estimate = if node.n_rollouts == 1 { right } else { (right - 1.0).max(0.0) / (draws - 1.0) };
    sampled.then_some(estimate)
}

fn soft(node: &StateLabel) -> Option<f64> {
    node.soft.map(|soft| f64::from(soft.n_correct) / f64::from(soft.n_rollouts))
}

#[test]
fn soft_labels_are_unbiased_by_their_estimator_and_a_naive_mean_is_not() {
    let all = |config| run(config, &world(), questions(&world(), QUESTIONS));
    let binary = all(locating(LocateKind::Binary, 0));
    let early = all(locating(LocateKind::EarlyStop, 0));
    let bayes = all(locating(LocateKind::Bayes, 8));
    for (name, found) in [
        ("c/n of a fixed number", misses(&binary, plain(StoppingRule::Fixed))),
        ("inverse sampling", misses(&early, inverse)),
        ("soft draws under bayes", misses(&bayes, soft)),
    ] {
        let (bias, error) = mean(&found);
        assert!(found.len() > 800, "{name}: {} states", found.len());
        assert!(bias.abs() < 4.0 * error && bias.abs() < 0.03, "{name}: {bias} +- {error}");
    }
    let (bias, error) = mean(&misses(&early, plain(StoppingRule::FirstSuccess)));
    assert!(bias > 0.05 && bias > 5.0 * error, "c/n of early stopping: {bias} +- {error}");
}

#[test]
fn nine_of_ten_credible_intervals_hold_the_true_value() {
    let all = run(locating(LocateKind::Bayes, 0), &world(), questions(&world(), QUESTIONS));
    let (mut states, mut held, mut miss) = (0, 0, 0.0);
    for (question, artifacts) in (0..).zip(&all) {
        for node in &artifacts.nodes {
            let Some(value) = node.value else { continue };
            // A state that is almost surely wrong may have its mean above: what is left of a right one pulls it up.
            assert!(value.low <= value.high && value.low <= value.mean, "{value:?}");
            let truth = chance(&world(), question, &prefix(artifacts, node.id));
            states += 1;
            held += u32::from(value.low <= truth && truth <= value.high);
            miss += value.mean - truth;
        }
    }
    let share = f64::from(held) / f64::from(states);
    let bias = miss / f64::from(states);
    assert!(bias.abs() < 0.03, "{bias} over {states} states");
    assert!(states > 2000 && share >= 0.9, "{share} of {states}");
}

#[test]
fn soft_draws_are_as_many_as_were_fixed_and_stay_out_of_every_other_estimate() {
    let config = Config { rollout_budget: 150, ..locating(LocateKind::Bayes, 5) };
    let world = world();
    let recorder = Recorder::new(&world);
    let all = run(config, &recorder, questions(&world, 20));
    let mut labelled = 0;
    for artifacts in &all {
        assert!(artifacts.counts.rollouts <= 150);
        for node in &artifacts.nodes {
            let launched = |soft: bool| {
                let from = artifacts.rollouts.iter().filter(|one| one.node == node.id);
                from.filter(|one| one.draw.is_some_and(|draw| (draw >= 1 << 31) == soft)).count()
            };
            assert_eq!(launched(false), node.n_rollouts as usize);
            assert_eq!(launched(true), node.soft.map_or(0, |soft| soft.n_rollouts as usize));
            labelled += usize::from(node.soft.is_some_and(|soft| soft.n_rollouts == 5));
        }
    }
    assert!(labelled > 20, "{labelled}");
    let mut draws: Vec<_> =
        recorder.log.into_inner().iter().map(|(one, _)| (one.id.question, one.state, one.draw)).collect();
    let made = draws.len();
    draws.sort_unstable();
    draws.dedup();
    assert_eq!(draws.len(), made);
}

#[test]
fn soft_draws_make_the_same_labels_at_every_pace() {
    for locate in [LocateKind::EarlyStop, LocateKind::Bayes] {
        let config = || Config { rollout_budget: 120, ..locating(locate, 4) };
        let expected = run(config(), &world(), questions(&world(), 12));
        assert!(expected.iter().any(|one| one.nodes.iter().any(|node| node.soft.is_some())));
        for setup in setups() {
            let found = drive(config(), &world(), questions(&world(), 12), &setup).unwrap();
            assert!(bytes(&found.artifacts) == bytes(&expected), "{locate:?} {setup:?}");
        }
    }
}

#[test]
fn a_token_budget_never_leaves_half_a_soft_label() {
    let config = Config { token_budget: Some(4000), max_new_tokens: 500, ..locating(LocateKind::Bayes, 6) };
    for artifacts in run(config, &world(), questions(&world(), 30)) {
        assert!(artifacts.counts.tokens <= 4000);
        assert_eq!(artifacts.rollouts.len(), artifacts.counts.rollouts as usize);
        assert!(artifacts.nodes.iter().filter_map(|node| node.soft).all(|soft| soft.n_rollouts == 6));
    }
}

#[test]
fn screening_is_searched_and_counted_and_enters_no_deeper_estimate() {
    for locate in [LocateKind::Binary, LocateKind::EarlyStop, LocateKind::EveryStep, LocateKind::Bayes] {
        let config =
            Config { root_rollouts: 32, rollout_budget: 2000, max_search_count: 1000, ..locating(locate, 0) };
        for artifacts in run(config, &world(), questions(&world(), 6)) {
            let root = &artifacts.nodes[0];
            let screening: Vec<_> = artifacts.rollouts.iter().filter(|one| one.node == 0).collect();
            if root.n_correct == 0 || root.n_correct == root.n_rollouts {
                continue;
            }
            let right = screening.iter().filter(|one| one.verdict == omega_core::Verdict::Correct).count();
            if locate != LocateKind::Bayes {
                assert_eq!((root.n_correct as usize, root.n_rollouts), (right, 32), "{locate:?}");
            }
            for one in screening.iter().filter(|one| one.verdict == omega_core::Verdict::Wrong) {
                assert!(artifacts.searches.iter().any(|search| search.rollout == one.id), "{locate:?}");
            }
            for node in &artifacts.nodes[1..] {
                let launched = artifacts.rollouts.iter().filter(|one| one.node == node.id);
                let right =
                    launched.clone().filter(|one| one.verdict == omega_core::Verdict::Correct).count();
                assert_eq!((right, launched.count()), (node.n_correct as usize, node.n_rollouts as usize));
            }
        }
    }
}
