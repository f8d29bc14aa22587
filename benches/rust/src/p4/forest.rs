//! Thousands of trees in flight: descents in step, against one tree after the other.

use super::{after, ours::config, value};
use omega_core::mcts::{Answer, Evaluation, Forest, Request, Steps, Tree};
use omega_core::{QuestionId, RequestId};

/// What the driver of some trees knows of their nodes.
struct Driver<const B: usize> {
    states: Vec<Vec<u64>>,
    ids: [u32; B],
    priors: [f32; B],
}

impl<const B: usize> Driver<B> {
    fn new(trees: usize, simulations: u32) -> Self {
        Self {
            states: (0..trees).map(|_| Vec::with_capacity(simulations as usize + 1)).collect(),
            ids: std::array::from_fn(|i| u32::try_from(i).expect("a few steps")),
            priors: [1.0 / B as f32; B],
        }
    }

    fn restart(&mut self, seed: u64) {
        for (states, seed) in self.states.iter_mut().zip(seed..) {
            states.clear();
            states.push(seed);
        }
    }

    /// A number that depends on every state, to compare two ways of searching.
    fn digest(&self) -> u64 {
        self.states.iter().flatten().fold(0, |digest, &state| super::mix(digest ^ state))
    }

    fn steps(&self) -> Steps<'_> {
        Steps { ids: &self.ids, priors: &self.priors }
    }
}

/// All trees in one forest: every round, all leaves are handed over in one call.
pub struct InStep<const B: usize> {
    forest: Forest,
    driver: Driver<B>,
    requests: Vec<Request>,
}

impl<const B: usize> InStep<B> {
    /// Room for the simulations is made beforehand.
    pub fn new(trees: usize, simulations: u32) -> Self {
        let mut forest = Forest::new(config(simulations)).expect("a configuration that works");
        forest.reserve(simulations as usize + 1, B);
        for _ in 0..trees {
            forest.add_tree();
        }
        Self { forest, driver: Driver::new(trees, simulations), requests: Vec::with_capacity(trees) }
    }

    /// Every tree searched from a fresh root to its end.
    pub fn search(&mut self, seed: u64) -> u64 {
        self.forest.restart();
        self.driver.restart(seed);
        let mut values = Vec::with_capacity(self.requests.capacity());
        loop {
            self.requests.clear();
            self.forest.poll_requests(usize::MAX, &mut self.requests);
            if self.requests.is_empty() {
                return self.driver.digest();
            }
            values.clear();
            values.extend(self.requests.iter().map(|request| arrive(&mut self.driver.states, request)));
            let steps = self.driver.steps();
            let both = self.requests.iter().zip(&values);
            let answers: Vec<(RequestId, Answer<'_>)> =
                both.map(|(request, value)| (request.id, answer(value, steps))).collect();
            self.forest.handle_responses(&answers).expect("they are in flight");
        }
    }
}

/// As many trees, a simulation of one after a simulation of the other.
pub struct RoundRobin<const B: usize> {
    trees: Vec<Tree>,
    driver: Driver<B>,
}

impl<const B: usize> RoundRobin<B> {
    /// Room for the simulations is made beforehand.
    pub fn new(trees: usize, simulations: u32) -> Self {
        let made = InStep::<B>::new(trees, simulations);
        let mut forest = made.forest;
        let id = |at| QuestionId(u32::try_from(at).expect("a few trees"));
        let trees = (0..trees).map(|at| forest.retire(id(at)).expect("it is open")).collect();
        Self { trees, driver: made.driver }
    }

    /// Mean depth of all nodes below the roots, after a search.
    pub fn mean_depth(&self) -> f64 {
        let depths = self.trees.iter().zip(&self.driver.states);
        let sum: f64 = depths.map(|(tree, states)| super::ours::mean_depth(tree, states.len())).sum();
        sum / self.trees.len() as f64
    }

    /// Every tree searched from a fresh root to its end.
    pub fn search(&mut self, seed: u64) -> u64 {
        self.trees.iter_mut().for_each(Tree::restart);
        self.driver.restart(seed);
        let mut going = true;
        while going {
            going = false;
            for tree in &mut self.trees {
                let Some(request) = tree.poll_request() else { continue };
                let value = arrive(&mut self.driver.states, &request);
                let answer = answer(&value, self.driver.steps());
                tree.handle(request.id, answer).expect("it is in flight");
                going = true;
            }
        }
        self.driver.digest()
    }
}

fn arrive(states: &mut [Vec<u64>], request: &Request) -> f32 {
    let states = &mut states[request.id.question.index()];
    let state = match request.from {
        Some((parent, step)) => {
            let state = after(states[parent.index()], step);
            states.push(state);
            state
        }
        None => states[0],
    };
    value(state)
}

fn answer<'a>(value: &'a f32, steps: Steps<'a>) -> Answer<'a> {
    let values = std::slice::from_ref(value);
    Answer::Evaluated(Evaluation { values, verdict: None, steps, terminal: false })
}
