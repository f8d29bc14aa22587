//! Recorded trees: every selection is the one that a plain program in doubles made (`tests/search/plain_mcts.py`).

use crate::support::Seen;
use omega_core::mcts::{Config, Tree};
use serde_json::Value;
use std::collections::VecDeque;

const RECORDED: &str = include_str!("../../../../tests/golden/mcts.jsonl");

#[test]
fn every_selection_is_the_recorded_one() {
    for line in RECORDED.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let config = Config::from_json(&case["config"].to_string()).unwrap();
        let mut expected = case["evaluations"].as_array().unwrap().iter();
        let mut tree = Tree::new(config).unwrap();
        let mut waiting = VecDeque::new();
        loop {
            while let Some(request) = tree.poll_request() {
                let recorded = expected.next().unwrap_or_else(|| panic!("{}: one too many", case["name"]));
                let path: Vec<u32> = serde_json::from_value(recorded["path"].clone()).unwrap();
                assert_eq!(tree.path(request.node), path, "{}", case["name"]);
                waiting.push_back((request, recorded));
            }
            let Some((request, recorded)) = waiting.pop_front() else { break };
            seen(recorded).answer_to(&mut tree, &request);
        }
        assert_eq!(expected.count(), 0, "{}: too few", case["name"]);
        let children = tree.children(tree.root().unwrap());
        for (child, recorded) in children.iter().zip(case["root"].as_array().unwrap()) {
            assert_eq!(u64::from(child.visits), recorded["visits"].as_u64().unwrap(), "{}", case["name"]);
            let difference =
                child.q.map(f64::from).unwrap_or_default() - recorded["q"].as_f64().unwrap_or_default();
            assert!(difference.abs() < 1e-6, "{}", case["name"]);
        }
    }
}

fn seen(recorded: &Value) -> Seen {
    let numbers = |value: &Value| serde_json::from_value(value.clone()).unwrap();
    let value = serde_json::from_value(recorded["value"].clone()).unwrap();
    Seen::new(value, numbers(&recorded["priors"]), recorded["terminal"].as_bool().unwrap())
}
