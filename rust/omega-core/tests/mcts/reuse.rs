//! Going on with a part of the tree.

use crate::support::{Seen, check_visits, config, dump, random_tree, search, searched};
use omega_core::mcts::{Answer, Child, Config, Forest, Tree};
use omega_core::{Error, NodeId};
use proptest::prelude::*;

fn big(simulations: u32, in_flight: u32) -> Config {
    Config { in_flight, ..config(simulations) }
}

/// A root with eight steps and a random tree below.
fn wide(seed: u64) -> impl Fn(&[u32]) -> Seen {
    move |path| match path {
        [] => Seen::new(0.5, vec![0.125; 8], false),
        _ => random_tree(seed)(path),
    }
}

#[test]
fn what_is_below_the_new_root_is_kept_with_its_numbers() {
    let mut tree = searched(big(200, 1), wide(3));
    let step = tree.best_line(omega_core::mcts::By::Visits)[0];
    let child = tree.children(tree.root().unwrap())[step as usize];
    let below = tree.children(child.node.unwrap());
    assert!(tree.advance(step));
    assert_eq!(tree.root(), child.node);
    assert_eq!(tree.simulations(), child.values);
    assert_eq!(tree.root_value(), child.q);
    let values = |children: Vec<Child>| {
        children.iter().map(|child| (child.node, child.values, child.q)).collect::<Vec<_>>()
    };
    assert_eq!(values(tree.children(child.node.unwrap())), values(below));
    assert_eq!(tree.parent(child.node.unwrap()), None);
    check_visits(&tree);
}

#[test]
fn kept_visits_count_as_simulations() {
    let mut tree = searched(big(200, 1), wide(3));
    let step = tree.best_line(omega_core::mcts::By::Visits)[0];
    tree.advance(step);
    let kept = tree.simulations();
    assert!(0 < kept && kept < 200);
    search(&mut tree, |path| wide(3)(&[&[step], path].concat()));
    assert_eq!(tree.simulations(), 200);
    check_visits(&tree);
}

#[test]
fn a_step_that_was_never_visited_starts_anew() {
    let mut tree = searched(big(3, 1), wide(3));
    assert!(!tree.advance(7));
    assert_eq!(tree.simulations(), 0);
    search(&mut tree, random_tree(5));
    assert_eq!(dump(&tree), dump(&searched(big(3, 1), random_tree(5))));
}

#[test]
fn requests_elsewhere_are_cancelled_and_late_answers_to_them_ignored() {
    let mut tree = Tree::new(big(200, 6)).unwrap();
    let root = tree.poll_request().unwrap();
    wide(1)(&[]).answer_to(&mut tree, &root);
    let out: Vec<_> = std::iter::from_fn(|| tree.poll_request()).collect();
    assert_eq!(out.len(), 6);
    let kept = out[2];
    assert!(tree.advance(tree.path(kept.node)[0]), "a leaf in flight can become the root");
    let mut cancelled: Vec<_> = out.iter().map(|request| request.id).filter(|&id| id != kept.id).collect();
    assert_eq!(tree.poll_cancels(), cancelled);
    assert_eq!(tree.poll_cancels(), [], "once");
    let late = cancelled.pop().unwrap();
    tree.handle(late, Answer::Lost).unwrap();
    assert_eq!(tree.handle(late, Answer::Lost), Err(Error::NotInFlight(late)), "once");
    assert_eq!(tree.in_flight(), 1);
    Seen::new(0.5, vec![0.5, 0.5], false).answer_to(&mut tree, &kept);
    check_visits(&tree);
    assert_eq!(tree.simulations(), 1);
}

#[test]
fn requests_never_handed_out_are_dropped_without_a_word() {
    let mut forest = Forest::new(big(200, 6)).unwrap();
    let id = forest.add_tree();
    let mut out = vec![];
    forest.poll_requests(9, &mut out);
    let seen = wide(1)(&[]);
    let steps = omega_core::mcts::Steps { ids: &seen.ids, priors: &seen.priors };
    let evaluation =
        omega_core::mcts::Evaluation { values: &[seen.value], verdict: None, steps, terminal: false };
    forest.handle_responses(&[(out[0].id, Answer::Evaluated(evaluation))]).unwrap();
    out.clear();
    forest.poll_requests(2, &mut out);
    let step = out[0].from.unwrap().1;
    assert!(forest.advance(id, step).unwrap());
    assert_eq!(forest.poll_cancels(), [out[1].id], "only one of the others was seen");
    let mut more = vec![];
    forest.poll_requests(9, &mut more);
    assert_eq!(more, [], "the root is in flight");
}

proptest! {
    #[test]
    fn visits_add_up_through_any_number_of_advances(
        seed in 0..500_u64, in_flight in 1..7_u32, chosen in prop::collection::vec((0..9_u32, 1..60_u32), 1..8),
    ) {
        let mut tree = Tree::new(big(80, in_flight)).unwrap();
        let mut line = Vec::new();
        let mut waiting = Vec::new();
        for (step, turns) in chosen {
            for turn in 0..turns {
                waiting.extend(std::iter::from_fn(|| tree.poll_request()));
                if waiting.is_empty() {
                    break;
                }
                let request = waiting.remove((turn as usize * 7 + step as usize) % waiting.len());
                let path = [&line[..], &tree.path(request.node)].concat();
                wide(seed)(&path).answer_to(&mut tree, &request);
                check_visits(&tree);
            }
            tree.advance(step);
            line.push(step);
            let gone = tree.poll_cancels();
            waiting.retain(|request| !gone.contains(&request.id));
            check_visits(&tree);
            prop_assert_eq!(tree.in_flight(), waiting.len());
        }
        while let Some(request) = waiting.pop().or_else(|| tree.poll_request()) {
            let path = [&line[..], &tree.path(request.node)].concat();
            wide(seed)(&path).answer_to(&mut tree, &request);
        }
        prop_assert!(tree.is_done());
        check_visits(&tree);
    }
}

#[test]
fn a_node_that_left_the_tree_is_not_known() {
    let mut tree = searched(big(50, 1), wide(2));
    let root = tree.root().unwrap();
    let step = tree.best_line(omega_core::mcts::By::Visits)[0];
    tree.advance(step);
    assert!(tree.children(root).is_empty());
    assert_eq!((tree.path(root), tree.parent(root)), (vec![], None));
    assert!(tree.children(NodeId(u32::MAX)).is_empty());
    assert!(!tree.is_terminal(NodeId(u32::MAX)));
}
