//! The crate `simple-mcts` by its own calls.

use super::{after, value};
use simple_mcts::{Action, Engine, StateEvaluation, puct};

/// An engine; its tree cannot be emptied, so a search makes a new one with room made beforehand.
pub struct Simple<const B: usize> {
    engine: Engine<B>,
    path: Vec<Action>,
}

impl<const B: usize> Simple<B> {
    /// A fresh engine.
    pub fn new(simulations: usize) -> Self {
        Self { engine: Engine::with_capacity(simulations + 1), path: Vec::with_capacity(256) }
    }

    /// One search; the mean depth.
    pub fn search(&mut self, seed: u64, simulations: usize) -> f64 {
        let mut depths = 0;
        for _ in 0..simulations {
            let selected = self.engine.select(&mut self.path, &puct, 1.25);
            let step =
                |state, action: &Action| after(state, u32::try_from(action.action()).expect("a few steps"));
            let state = self.path.iter().fold(seed, step);
            let evaluation = StateEvaluation::Active(value(state), [1.0 / B as f32; B]);
            self.engine
                .update(evaluation, selected, |score| score)
                .expect("the selection is the engine's own");
            depths += self.path.len();
        }
        depths as f64 / simulations as f64
    }
}
