//! `omega_core::mcts::Tree` through its public calls: a request polled and answered for every simulation.

use super::{after, value};
use omega_core::mcts::{Answer, Config, Evaluation, Fpu, Select, Steps, Tree};

/// A tree and what its driver knows of the nodes.
pub struct Ours<const B: usize> {
    tree: Tree,
    states: Vec<u64>,
    ids: [u32; B],
    priors: [f32; B],
}

/// The configuration that fits the problem.
pub fn config(simulations: u32) -> Config {
    Config {
        select: Select::Puct { base: 19_652.0, init: 1.25 },
        fpu: Fpu::Fixed { value: 0.0 },
        simulations,
        ..Config::default()
    }
}

impl<const B: usize> Ours<B> {
    /// Room for the simulations is made beforehand, as in the other implementations.
    pub fn new(simulations: u32) -> Self {
        let mut tree = Tree::new(config(simulations)).expect("a configuration that works");
        tree.reserve(simulations as usize + 1, B);
        Self {
            tree,
            states: Vec::with_capacity(simulations as usize + 1),
            ids: std::array::from_fn(|i| u32::try_from(i).expect("a few steps")),
            priors: [1.0 / B as f32; B],
        }
    }

    /// One search from a fresh root.
    pub fn search(&mut self, seed: u64) {
        self.tree.restart();
        self.states.clear();
        while let Some(request) = self.tree.poll_request() {
            let state = match request.from {
                Some((parent, step)) => after(self.states[parent.index()], step),
                None => seed,
            };
            self.states.push(state);
            let steps = Steps { ids: &self.ids, priors: &self.priors };
            let evaluation = Evaluation { values: &[value(state)], verdict: None, steps, terminal: false };
            self.tree.handle(request.id, Answer::Evaluated(evaluation)).expect("it is in flight");
        }
    }

    /// Mean depth of the leaves, and bytes a child slot, of the last search.
    pub fn depth_and_bytes(&self) -> (f64, f64) {
        let slots = self.states.len() * B;
        (mean_depth(&self.tree, self.states.len()), self.tree.bytes() as f64 / slots as f64)
    }
}

/// Mean depth of the nodes below the root.
pub(super) fn mean_depth(tree: &Tree, nodes: usize) -> f64 {
    let mut depths = vec![0u32; nodes];
    for node in 1..nodes {
        let id = omega_core::NodeId(u32::try_from(node).expect("a small tree"));
        let parent = tree.parent(id).expect("only the root has none");
        depths[node] = depths[parent.index()] + 1;
    }
    f64::from(depths.iter().sum::<u32>()) / (nodes - 1) as f64
}
