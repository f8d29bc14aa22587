//! Back-up rules, discounts, mixed values, terminals and depth, each on a tree small enough to work out by hand.

use crate::support::{Seen, config, searched};
use omega_core::mcts::{Answer, Backup, Config, Evaluation, Fusion, Steps, Tree, ValueRole, fuse};

/// A single line of nodes with these values; the last is the end.
fn line(values: &'static [f32], config: Config) -> Tree {
    searched(config, |path| Seen::new(values[path.len()], vec![1.0], path.len() + 1 == values.len()))
}

fn qs(tree: &Tree) -> Vec<f32> {
    let mut qs = vec![tree.root_value().unwrap()];
    let mut at = tree.root();
    while let Some(node) = at {
        let child = tree.children(node).first().copied();
        qs.extend(child.and_then(|child| child.q));
        at = child.and_then(|child| child.node);
    }
    qs
}

#[test]
fn the_mean_of_the_best_and_the_worst_are_backed_up() {
    let backed = |backup| qs(&line(&[0.5, 0.25, 1.0, 0.0], Config { backup, ..config(4) }));
    assert_eq!(backed(Backup::Mean), [0.4375, 1.25 / 3.0, 0.5, 0.0]);
    assert_eq!(backed(Backup::Max), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(backed(Backup::Min), [0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn values_fade_at_each_node_they_pass() {
    let tree = line(&[0.0, 0.0, 1.0], Config { discount: 0.5, ..config(3) });
    assert_eq!(qs(&tree), [0.25 / 3.0, 0.25, 1.0]);
}

#[test]
fn a_terminal_gives_its_value_again_without_being_asked() {
    let mut asked = 0;
    let tree = searched(config(10), |path| {
        asked += 1;
        Seen::new(0.25, vec![1.0], path.len() == 1)
    });
    assert_eq!((asked, tree.simulations()), (2, 10));
    let child = tree.children(tree.root().unwrap())[0];
    assert_eq!((child.values, child.q), (9, Some(0.25)));
    assert!(tree.is_terminal(child.node.unwrap()));
    assert_eq!(tree.finished(), [(child.node.unwrap(), 0.25)]);
}

#[test]
fn nodes_at_the_greatest_depth_are_not_expanded() {
    let tree = searched(Config { max_depth: 2, ..config(20) }, |_| Seen::new(0.5, vec![0.5, 0.5], false));
    assert_eq!((tree.nodes(), tree.simulations()), (7, 20));
    assert!(tree.finished().is_empty(), "they are not finished");
}

#[test]
fn values_of_several_roles_are_weighed_and_missing_ones_left_out() {
    let role = |role: &str, weight| ValueRole { role: role.into(), weight };
    let values = vec![role("score", 1.0), role("rollout", 3.0)];
    let value = |values_seen: &[f32]| {
        let mut tree = Tree::new(Config { values: values.clone(), ..config(1) }).unwrap();
        let request = tree.poll_request().unwrap();
        let steps = Steps::default();
        let evaluation = Evaluation { values: values_seen, verdict: None, steps, terminal: true };
        tree.handle(request.id, Answer::Evaluated(evaluation)).unwrap();
        tree.root_value()
    };
    assert_eq!(value(&[1.0, 0.0]), Some(0.25));
    assert_eq!(value(&[1.0, f32::NAN]), Some(1.0));
    assert_eq!(value(&[f32::NAN, 0.5]), Some(0.5));
}

/// The definitions, term by term.
fn fused(verdicts: &[f64], outcome: f64, fusion: Fusion) -> f64 {
    let n = verdicts.len() as f64;
    let weighted: f64 = verdicts.iter().enumerate().map(|(i, v)| v * (n - i as f64)).sum();
    let weights: f64 = (0..verdicts.len()).map(|i| n - i as f64).sum();
    match fusion {
        Fusion::Released => weighted / (n * n) + outcome / n,
        Fusion::Normalised { outcome: share } => {
            f64::from(1.0 - share) * weighted / weights + f64::from(share) * outcome
        }
    }
}

#[test]
fn verdicts_and_outcome_are_fused_as_defined() {
    let verdicts = [1.0, -1.0, 1.0, 1.0, -1.0];
    for fusion in [Fusion::Released, Fusion::Normalised { outcome: 0.25 }] {
        for length in 1..=verdicts.len() {
            for outcome in [-1.0, 1.0] {
                let (ours, by_hand) =
                    (fuse(&verdicts[..length], outcome, fusion), fused(&verdicts[..length], outcome, fusion));
                assert!((ours - by_hand).abs() < 1e-12, "{fusion:?} {length}: {ours} {by_hand}");
            }
        }
        assert!((fuse(&[], 0.7, fusion) - 0.7).abs() < 1e-12, "without steps the outcome is all there is");
    }
}

#[test]
fn the_fused_back_up_gives_each_node_the_verdicts_from_it_on() {
    let (verdicts, outcomes) = ([0.0, 1.0, -1.0, 1.0], [0.0, 0.5, -0.5, 1.0]);
    let fusion = Fusion::Normalised { outcome: 0.5 };
    let config = Config { backup: Backup::Fused { fusion }, discount: 0.5, ..config(4) };
    let mut tree = Tree::new(config).unwrap();
    while let Some(request) = tree.poll_request() {
        let depth = tree.path(request.node).len();
        let steps = Steps { ids: &[], priors: &[1.0] };
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let (value, verdict) = ([outcomes[depth] as f32], verdicts[depth] as f32);
        let evaluation = Evaluation {
            values: &value,
            verdict: Some(verdict),
            steps,
            terminal: depth + 1 == verdicts.len(),
        };
        tree.handle(request.id, Answer::Evaluated(evaluation)).unwrap();
    }
    for (depth, &q) in qs(&tree).iter().enumerate() {
        // The root has no step of its own.
        let passed = (depth..verdicts.len()).map(|end| {
            let steps = &verdicts[depth.max(1)..=end.max(depth.max(1) - 1)];
            let faded = 0.5_f64.powi(i32::try_from(end - depth).unwrap());
            faded * if steps.is_empty() { outcomes[end] } else { fused(steps, outcomes[end], fusion) }
        });
        let mean = passed.sum::<f64>() / (verdicts.len() - depth) as f64;
        assert!((f64::from(q) - mean).abs() < 1e-6, "depth {depth}: {q} {mean}");
    }
}

#[test]
fn the_rules_choose_differently() {
    use omega_core::mcts::Select;
    let tree = |select| {
        searched(Config { select, ..config(60) }, |path| match path {
            [] => Seen::new(0.5, vec![0.9, 0.1], false),
            [first, ..] => Seen::new(if *first == 0 { 0.4 } else { 0.6 }, vec![1.0], false),
        })
    };
    let visits = |tree: &Tree| tree.children(tree.root().unwrap())[0].visits;
    let (puct, uct) = (tree(Select::Puct { base: 19_652.0, init: 4.0 }), tree(Select::Uct { weight: 0.1 }));
    assert!(visits(&puct) > 40, "the prior leads");
    assert!(visits(&uct) < 20, "the value leads");
}

#[test]
fn priors_that_are_not_given_are_equal_shares() {
    let tree =
        searched(config(1), |_| Seen { value: 0.0, ids: vec![4, 6, 9], priors: vec![], terminal: false });
    let children = tree.children(tree.root().unwrap());
    assert_eq!(children.iter().map(|child| child.step).collect::<Vec<_>>(), [4, 6, 9]);
    assert!(children.iter().all(|child| (child.prior - 1.0 / 3.0).abs() < 1e-6));
}
