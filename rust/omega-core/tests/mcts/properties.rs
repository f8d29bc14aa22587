//! What holds whatever is searched, and in whatever order answers come.

use crate::support::{Seen, check_visits, dump, random_tree, search, searched};
use omega_core::mcts::{
    Answer, Backup, Config, Evaluation, Forest, Fpu, Request, Select, Steps, Tree, Widening,
};
use omega_core::{QuestionId, RequestId};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn configs() -> impl Strategy<Value = Config> {
    let select = prop_oneof![
        Just(Select::default()),
        Just(Select::Uct { weight: 0.8 }),
        Just(Select::Puct { base: 10.0, init: 0.3 })
    ];
    let fpu =
        prop_oneof![Just(Fpu::First), Just(Fpu::Fixed { value: 0.0 }), Just(Fpu::Parent { reduction: 0.2 })];
    let backup = prop_oneof![Just(Backup::Mean), Just(Backup::Max), Just(Backup::Min)];
    let widening = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Widening { factor: 1.0, exponent: 0.5, propose: false })),
        1 => Just(Some(Widening { factor: 1.5, exponent: 0.6, propose: true }))
    ];
    (select, fpu, backup, widening, 1..9_u32, 1..120_u32, 0..6_u32).prop_map(
        |(select, fpu, backup, widening, in_flight, simulations, max_depth)| Config {
            select,
            fpu,
            backup,
            widening,
            in_flight,
            simulations,
            max_depth,
            ..Config::default()
        },
    )
}

/// What becomes of a request, by its node's path and how often it was asked, never by when.
#[derive(Clone, Debug)]
enum Fate {
    Seen(Seen),
    Proposed(Vec<u32>),
    Lost,
    Cancelled,
}

fn fate(seed: u64, path: &[u32], asked: usize, request: &Request) -> Fate {
    let draw = crate::support::hash(seed, path, 99 + asked as u64);
    if request.wanted == omega_core::mcts::Wanted::Proposals {
        return match asked {
            _ if draw < 0.1 => Fate::Cancelled,
            _ if draw < 0.2 => Fate::Lost,
            0..3 => Fate::Proposed(vec![20 + u32::try_from(asked).unwrap(), 1, 20]),
            _ => Fate::Proposed(vec![]),
        };
    }
    match draw {
        _ if draw < 0.1 && asked < 3 => Fate::Cancelled,
        _ if draw < 0.2 && !path.is_empty() => Fate::Lost,
        _ => Fate::Seen(random_tree(seed)(path)),
    }
}

fn tell(tree: &mut Tree, id: RequestId, fate: &Fate) {
    let answer = match fate {
        Fate::Seen(seen) => {
            let steps = Steps { ids: &seen.ids, priors: &seen.priors };
            Answer::Evaluated(Evaluation {
                values: std::slice::from_ref(&seen.value),
                verdict: None,
                steps,
                terminal: seen.terminal,
            })
        }
        Fate::Proposed(ids) => Answer::Proposed(Steps { ids, priors: &[] }),
        Fate::Lost => Answer::Lost,
        Fate::Cancelled => Answer::Cancelled,
    };
    tree.handle(id, answer).unwrap();
}

/// Answers in an order that `shuffle` decides, some polls late; the tree when nothing is left.
fn shuffled(config: &Config, seed: u64, shuffle: u64) -> Tree {
    let mut tree = Tree::new(config.clone()).unwrap();
    let mut asked: BTreeMap<(Vec<u32>, bool), usize> = BTreeMap::new();
    let mut waiting: Vec<(Request, Fate)> = Vec::new();
    for turn in 0_u64.. {
        let draw = crate::support::hash(shuffle, &[], turn);
        if draw < 0.5 || waiting.is_empty() {
            match tree.poll_request() {
                Some(request) => {
                    let path = tree.path(request.node);
                    let kind = request.wanted == omega_core::mcts::Wanted::Proposals;
                    let times = asked.entry((path.clone(), kind)).or_default();
                    let fate = fate(seed, &path, *times, &request);
                    *times += 1;
                    waiting.push((request, fate));
                }
                None if waiting.is_empty() => break,
                None => {}
            }
        } else {
            let at = turn.wrapping_mul(shuffle | 1) % waiting.len() as u64;
            let (request, fate) = waiting.remove(usize::try_from(at).unwrap());
            tell(&mut tree, request.id, &fate);
            check_visits(&tree);
        }
        assert_eq!(tree.in_flight(), waiting.len());
    }
    tree
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(config in configs(), seed in 0..1_000_u64, a in 0..99_u64, b in 0..99_u64) {
        let (one, other) = (shuffled(&config, seed, a), shuffled(&config, seed, b));
        prop_assert_eq!(dump(&one), dump(&other));
        prop_assert_eq!(one.root_value(), other.root_value());
    }

    #[test]
    fn visits_add_up_and_none_stays_in_flight(config in configs(), seed in 0..1_000_u64, shuffle in 0..99_u64) {
        let tree = shuffled(&config, seed, shuffle);
        prop_assert_eq!(tree.in_flight(), 0);
        prop_assert!(tree.is_done());
        check_visits(&tree);
        prop_assert!(tree.simulations() <= config.simulations);
    }

    #[test]
    fn cancelled_requests_are_counted_nowhere(config in configs(), seed in 0..1_000_u64) {
        // With one in flight, a request taken back is the next to be made.
        let config = Config { in_flight: 1, ..config };
        let with = |cancels: u32| {
            let (mut tree, mut cancelled) = (Tree::new(config.clone()).unwrap(), 0);
            while let Some(request) = tree.poll_request() {
                if cancelled < cancels {
                    cancelled += 1;
                    tree.handle(request.id, Answer::Cancelled).unwrap();
                } else {
                    cancelled = 0;
                    reply(&mut tree, &request, &random_tree(seed));
                }
            }
            tree
        };
        let (plain, cancelled) = (with(0), with(3));
        prop_assert_eq!(dump(&plain), dump(&cancelled));
        prop_assert_eq!(plain.root_value(), cancelled.root_value());
    }

    #[test]
    fn a_tree_in_a_forest_is_the_tree_alone(
        config in configs(), seeds in prop::collection::vec(0..1_000_u64, 1..70), batch in 1..200_usize,
    ) {
        let config = Config { widening: None, ..config };
        let mut forest = Forest::new(config.clone()).unwrap();
        let trees: Vec<QuestionId> = seeds.iter().map(|_| forest.add_tree()).collect();
        let mut requests = Vec::new();
        loop {
            forest.poll_requests(batch, &mut requests);
            if requests.is_empty() {
                break;
            }
            let seen: Vec<(RequestId, Seen)> = requests.drain(..).map(|request| {
                let path = forest.tree(request.id.question).unwrap().path(request.node);
                (request.id, random_tree(seeds[request.id.question.index()])(&path))
            }).collect();
            let answers: Vec<_> = seen.iter().map(|(id, seen)| {
                let steps = Steps { ids: &seen.ids, priors: &seen.priors };
                let values = std::slice::from_ref(&seen.value);
                (*id, Answer::Evaluated(Evaluation { values, verdict: None, steps, terminal: seen.terminal }))
            }).rev().collect();
            forest.handle_responses(&answers).unwrap();
        }
        prop_assert!(forest.is_done());
        for (tree, seed) in trees.into_iter().zip(seeds) {
            let alone = searched(config.clone(), random_tree(seed));
            prop_assert_eq!(dump(forest.tree(tree).unwrap()), dump(&alone));
        }
    }

    #[test]
    fn the_configuration_survives_json(config in configs()) {
        let text = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(Config::from_json(&text).unwrap(), config);
    }
}

fn reply(tree: &mut Tree, request: &Request, evaluate: &impl Fn(&[u32]) -> Seen) {
    if request.wanted == omega_core::mcts::Wanted::Proposals {
        tree.handle(request.id, Answer::Proposed(Steps::default())).unwrap();
    } else {
        let path = tree.path(request.node);
        evaluate(&path).answer_to(tree, request);
    }
}

#[test]
fn a_search_without_children_to_choose_ends() {
    let mut tree = Tree::new(Config { simulations: 50, ..Config::default() }).unwrap();
    search(&mut tree, |_| Seen::new(0.5, vec![], false));
    assert!(tree.is_done());
    assert_eq!(tree.simulations(), 1);
}
