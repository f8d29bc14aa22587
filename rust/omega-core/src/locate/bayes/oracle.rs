//! The posterior against brute force: every hidden tree of right and wrong prefixes, one after the other.

use super::evidence::Evidence;
use super::grid::{GROUPS, Grid, recoveries};
use super::hyper::{Likelihood, Weights};
use super::{Choice, Model, Posterior, choose, learn};
use proptest::prelude::*;

/// A continuation: the steps of the prefix it was launched from, its own steps, and whether it ended right.
#[derive(Clone, Debug)]
struct Draw {
    from: Vec<u8>,
    steps: Vec<u8>,
    right: bool,
}

fn key(steps: &[u8]) -> u128 {
    steps.iter().fold(1, |key, &step| key * 5 + u128::from(step) + 1)
}

fn keys(draw: &Draw) -> Vec<u128> {
    let whole = [draw.from.clone(), draw.steps.clone()].concat();
    (draw.from.len() + 1..=whole.len()).map(|length| key(&whole[..length])).collect()
}

fn add(evidence: &mut Evidence, draw: &Draw) {
    let from = (!draw.from.is_empty()).then(|| key(&draw.from));
    evidence.add(from, &keys(draw), draw.right);
}

/// The joint weights of each recovery, profile and position of the first error of `solution`, by enumeration.
fn enumerate(steps: usize, weights: &Weights, draws: &[Draw], solution: &[u8]) -> (Vec<f64>, Vec<f64>) {
    let mut prefixes: Vec<Vec<u8>> = draws
        .iter()
        .flat_map(|draw| {
            let whole = [draw.from.clone(), draw.steps.clone()].concat();
            (1..=whole.len()).map(move |length| whole[..length].to_vec()).collect::<Vec<_>>()
        })
        .collect();
    prefixes.sort();
    prefixes.dedup();
    let grid = Grid::new(steps);
    let mut error_at = vec![0.0; solution.len()];
    let mut by_kind = vec![0.0; recoveries().len() * GROUPS];
    for hidden in 0_u32..1 << prefixes.len() {
        let is_right = |prefix: &[u8]| {
            prefix.is_empty() || {
                let at = prefixes.binary_search_by(|one| one.as_slice().cmp(prefix)).unwrap();
                hidden >> at & 1 == 1
            }
        };
        let consistent = prefixes.iter().all(|one| is_right(&one[..one.len() - 1]) || !is_right(one));
        if !consistent {
            continue;
        }
        let first_wrong = |whole: &[u8]| (1..=whole.len()).find(|&length| !is_right(&whole[..length]));
        for (r, (recovery, _)) in recoveries().into_iter().enumerate() {
            let outcomes: f64 = draws
                .iter()
                .map(|draw| {
                    let whole = [draw.from.clone(), draw.steps.clone()].concat();
                    let chance = match first_wrong(&whole) {
                        Some(wrong) => recovery.chance(draw.from.len().saturating_sub(wrong)),
                        None => 1.0,
                    };
                    if draw.right { chance } else { 1.0 - chance }
                })
                .product();
            if outcomes == 0.0 {
                continue;
            }
            for profile in &grid.profiles {
                let steps: f64 = prefixes
                    .iter()
                    .filter(|one| is_right(&one[..one.len() - 1]))
                    .map(|one| {
                        let rate = profile.rates[one.len() - 1];
                        let takers = draws.iter().filter(|draw| {
                            let whole = [draw.from.clone(), draw.steps.clone()].concat();
                            draw.from.len() < one.len() && whole.starts_with(one)
                        });
                        let times = i32::try_from(takers.count()).unwrap();
                        if is_right(one) { (1.0 - rate).powi(times) } else { rate.powi(times) }
                    })
                    .product();
                by_kind[r * GROUPS + profile.group] += outcomes * steps * profile.share;
                if let Some(wrong) = first_wrong(solution) {
                    let prior = weights.recoveries[r] * weights.groups[profile.group] * profile.share;
                    error_at[wrong - 1] += prior * outcomes * steps;
                }
            }
        }
    }
    let total: f64 = error_at.iter().sum();
    (error_at.into_iter().map(|weight| weight / total).collect(), by_kind)
}

/// Wrong solutions of three steps from the root, and continuations of their prefixes; steps often coincide.
fn cases() -> impl Strategy<Value = Vec<Draw>> {
    let root = prop::collection::vec((prop::collection::vec(0_u8..2, 3), prop::bool::weighted(0.3)), 1..4);
    let later = prop::collection::vec(
        (0_usize..4, 1_usize..3, prop::collection::vec(0_u8..2, 3), any::<bool>()),
        0..3,
    );
    (root, later).prop_map(|(root, later)| {
        let mut draws = vec![Draw { from: vec![], steps: vec![0, 0, 0], right: false }];
        for (steps, right) in root {
            let right = right && steps != [0, 0, 0];
            draws.push(Draw { from: vec![], steps, right });
        }
        let roots = draws.len();
        for (of, cut, steps, right) in later {
            let from = draws[of % roots].steps[..cut].to_vec();
            let steps = steps[cut..].to_vec();
            draws.push(Draw { from, steps, right });
        }
        // One text has one verdict: the first.
        let mut seen: Vec<(Vec<u8>, bool)> = vec![];
        for draw in &mut draws {
            let whole = [draw.from.clone(), draw.steps.clone()].concat();
            match seen.iter().find(|(text, _)| *text == whole) {
                Some((_, right)) => draw.right = *right,
                None => seen.push((whole, draw.right)),
            }
        }
        draws
    })
}

fn evidence_of(draws: &[Draw]) -> Evidence {
    let mut evidence = Evidence::default();
    for draw in draws {
        add(&mut evidence, draw);
    }
    evidence
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_posterior_is_the_one_of_brute_force(draws in cases()) {
        let weights = Weights::default();
        let evidence = evidence_of(&draws);
        let posterior = Posterior::new(&Model::new(3), &evidence, &weights, key(&[0, 0, 0])).unwrap();
        let (expected, by_kind) = enumerate(3, &weights, &draws, &[0, 0, 0]);
        for (found, expected) in posterior.error_at().iter().zip(&expected) {
            prop_assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
        let best = by_kind.iter().copied().fold(0.0, f64::max);
        for (found, expected) in Likelihood::of(&Model::new(3), &evidence).values().iter().zip(&by_kind) {
            prop_assert!((f64::from(*found) - expected / best).abs() < 1e-6);
        }
    }

    #[test]
    fn a_draw_taken_in_is_a_draw_known_from_the_start(
        draws in cases(), cut in 1_usize..3, shared in 0_usize..2, right: bool
    ) {
        let shared = shared.min(2 - cut);
        let steps = [vec![0; shared], vec![4; 3 - cut - shared]].concat();
        let draw = Draw { from: vec![0; cut], steps, right };
        let (weights, model, solution) = (Weights::default(), Model::new(3), key(&[0, 0, 0]));
        let mut evidence = evidence_of(&draws);
        let mut posterior = Posterior::new(&model, &evidence, &weights, solution).unwrap();
        let followed = evidence.followed(solution, Some(key(&draw.from)), &keys(&draw));
        prop_assert_eq!(followed, cut + shared);
        prop_assert!(posterior.observe(cut, followed, right));
        add(&mut evidence, &draw);
        let anew = Posterior::new(&model, &evidence, &weights, solution).unwrap();
        for (one, other) in posterior.error_at().iter().zip(anew.error_at()) {
            prop_assert!((one - other).abs() < 1e-9, "{one} and {other}");
        }
    }

    #[test]
    fn expected_information_is_that_of_both_outcomes(draws in cases(), cut in 1_usize..3) {
        let evidence = evidence_of(&draws);
        let posterior = Posterior::new(&Model::new(3), &evidence, &Weights::default(), key(&[0, 0, 0])).unwrap();
        let entropy = |one: &Posterior| -> f64 {
            one.error_at().iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum()
        };
        let after = |right| {
            let mut next = posterior.clone();
            next.observe(cut, cut, right);
            next
        };
        let (right, wrong) = (after(true), after(false));
        // The chance of a success follows from any position: P(e) = P(right) P(e | right) + P(wrong) P(e | wrong).
        let at = (0..3).max_by(|&a, &b| {
            let gap = |e: usize| (right.error_at()[e] - wrong.error_at()[e]).abs();
            gap(a).total_cmp(&gap(b))
        }).unwrap();
        let gap = right.error_at()[at] - wrong.error_at()[at];
        prop_assume!(gap.abs() > 1e-3);
        let chance = (posterior.error_at()[at] - wrong.error_at()[at]) / gap;
        let expected = entropy(&posterior) - chance * entropy(&right) - (1.0 - chance) * entropy(&wrong);
        prop_assert!((posterior.information(cut) - expected).abs() < 1e-5);
    }
}

#[test]
fn a_success_moves_the_error_behind_its_cut() {
    let draws = vec![Draw { from: vec![], steps: vec![0, 0, 0], right: false }];
    let mut posterior =
        Posterior::new(&Model::new(3), &evidence_of(&draws), &Weights::default(), key(&[0, 0, 0])).unwrap();
    let before: f64 = posterior.error_at()[2..].iter().sum();
    assert!(posterior.observe(2, 2, true));
    let after: f64 = posterior.error_at()[2..].iter().sum();
    assert!(before < 0.3 && after > 0.8, "{before} {after}");
}

#[test]
fn choices_stop_at_the_confidence_and_at_the_last_draw() {
    let draws = vec![Draw { from: vec![], steps: vec![0, 0, 0], right: false }];
    let mut posterior =
        Posterior::new(&Model::new(3), &evidence_of(&draws), &Weights::default(), key(&[0, 0, 0])).unwrap();
    assert!(matches!(choose(&posterior, 0.95, 5, 0), Choice::Probe { cut: 1 | 2 }));
    assert_eq!(choose(&posterior, 0.95, 0, 0), Choice::Undecided);
    (0..4).for_each(|_| assert!(posterior.observe(2, 2, true)));
    assert_eq!(choose(&posterior, 0.95, 0, 0), Choice::Located { step: 2 });
}

#[test]
fn what_is_learnt_does_not_depend_on_the_order_of_questions() {
    let evidence = |right: bool, seed: u8| {
        evidence_of(&[
            Draw { from: vec![], steps: vec![0, 0, 0], right: false },
            Draw { from: vec![], steps: vec![1, 1, seed % 2], right },
        ])
    };
    let all: Vec<Likelihood> =
        (0..6).map(|seed| Likelihood::of(&Model::new(3), &evidence(seed % 3 == 0, seed))).collect();
    let forwards = learn(&all.iter().collect::<Vec<_>>());
    let backwards = learn(&all.iter().rev().collect::<Vec<_>>());
    let pairs = |one: &Weights| [one.groups.clone(), one.recoveries.clone()].concat();
    for (one, other) in pairs(&forwards).iter().zip(pairs(&backwards)) {
        assert!((one - other).abs() < 1e-12);
    }
    assert!((forwards.groups.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert_ne!(forwards, Weights::default());
}
