//! A tree to search that is a function of its paths, and the shortest ways to search it.

use omega_core::NodeId;
use omega_core::mcts::{Answer, Child, Config, Evaluation, Request, Steps, Tree};
use std::collections::BTreeMap;

/// What evaluators say of a state.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) value: f32,
    pub(crate) ids: Vec<u32>,
    pub(crate) priors: Vec<f32>,
    pub(crate) terminal: bool,
}

impl Seen {
    /// With steps 0, 1, 2, ...
    pub(crate) fn new(value: f32, priors: Vec<f32>, terminal: bool) -> Self {
        Self { value, ids: Vec::new(), priors, terminal }
    }

    pub(crate) fn answer_to(&self, tree: &mut Tree, request: &Request) {
        let steps = Steps { ids: &self.ids, priors: &self.priors };
        let evaluation = Evaluation { values: &[self.value], verdict: None, steps, terminal: self.terminal };
        tree.handle(request.id, Answer::Evaluated(evaluation)).unwrap();
    }
}

pub(crate) fn config(simulations: u32) -> Config {
    Config { simulations, ..Config::default() }
}

/// Answers everything in order until nothing is asked.
pub(crate) fn search(tree: &mut Tree, mut evaluate: impl FnMut(&[u32]) -> Seen) {
    while let Some(request) = tree.poll_request() {
        let path = tree.path(request.node);
        evaluate(&path).answer_to(tree, &request);
    }
}

/// One step, over and over, from a tree that began with `config`.
pub(crate) fn searched(config: Config, evaluate: impl FnMut(&[u32]) -> Seen) -> Tree {
    let mut tree = Tree::new(config).unwrap();
    search(&mut tree, evaluate);
    tree
}

/// A hash of a path, from 0 to 1.
pub(crate) fn hash(seed: u64, path: &[u32], salt: u64) -> f32 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for &step in path {
        x = (x ^ u64::from(step + 1)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 29;
    }
    x = (x ^ (x >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 40) as f32 / 16_777_216.0
}

/// Up to 12 steps; ends at depth 6, and sometimes earlier.
pub(crate) fn random_tree(seed: u64) -> impl Fn(&[u32]) -> Seen {
    move |path| {
        let count =
            1 + (hash(seed, path, 1) * 12.0).floor().clamp(0.0, 11.0).to_string().parse::<u64>().unwrap();
        let terminal = path.len() >= 6 || (path.len() > 1 && hash(seed, path, 2) < 0.15);
        let weights: Vec<f32> = (0..count).map(|at| hash(seed, path, 10 + at) + 0.01).collect();
        let sum: f32 = weights.iter().sum();
        Seen::new(hash(seed, path, 3), weights.iter().map(|weight| weight / sum).collect(), terminal)
    }
}

/// Every node below the root by its path, with what the search knows of it.
pub(crate) fn dump(tree: &Tree) -> BTreeMap<Vec<u32>, Child> {
    let mut known = BTreeMap::new();
    let mut stack: Vec<(NodeId, Vec<u32>)> = tree.root().map(|root| (root, Vec::new())).into_iter().collect();
    while let Some((node, path)) = stack.pop() {
        for (slot, child) in (0..).zip(tree.children(node)) {
            // Equal steps that are not merged differ by their slot.
            let path = [&path[..], &[child.step, slot]].concat();
            stack.extend(child.node.map(|node| (node, path.clone())));
            known.insert(path, child);
        }
    }
    // Node numbers say in which order nodes were made, which is not part of what was found.
    known.into_iter().map(|(path, child)| (path, Child { node: None, ..child })).collect()
}

/// Checks that visits add up everywhere: those of a node are its own evaluation's, its children's, and as many more as
/// ended at it because nothing could follow; and that none is in flight beside `in_flight`.
pub(crate) fn check_visits(tree: &Tree) {
    let Some(root) = tree.root() else { return };
    let mut stack = vec![(root, tree.simulations())];
    let mut seen = 0;
    while let Some((node, values)) = stack.pop() {
        let children = tree.children(node);
        let below: u32 = children.iter().map(|child| child.values).sum();
        if children.iter().any(|child| child.open) && values > 0 {
            assert_eq!(values, 1 + below, "node {node:?} with {children:?}");
        } else {
            assert!(values > below || values == 0, "node {node:?}");
        }
        for child in &children {
            assert!(child.visits >= child.values);
            if tree.in_flight() == 0 && tree.poll_is_empty() {
                assert_eq!(child.visits, child.values, "nothing is in flight");
            }
            stack.extend(child.node.map(|node| (node, child.values)));
        }
        seen += 1;
    }
    assert_eq!(seen, tree.nodes(), "every node that is kept is reached");
}

pub(crate) trait Idle {
    fn poll_is_empty(&self) -> bool;
}

impl Idle for Tree {
    fn poll_is_empty(&self) -> bool {
        self.clone().poll_request().is_none()
    }
}
