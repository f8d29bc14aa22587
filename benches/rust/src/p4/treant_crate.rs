//! The crate `treant` by its own calls. Rewards are integers there: values and c are scaled alike.

use super::{after, value};
use treant::tree_policy::AlphaGoPolicy;
use treant::{Evaluator, GameState, MCTS, MCTSManager, SearchHandle};

const SCALE: f64 = 1e6;

#[derive(Clone)]
struct State<const B: usize>(u64);

impl<const B: usize> GameState for State<B> {
    type Move = u32;
    type Player = ();
    type MoveList = Vec<u32>;

    fn current_player(&self) {}

    fn available_moves(&self) -> Vec<u32> {
        (0..u32::try_from(B).expect("a few steps")).collect()
    }

    fn make_move(&mut self, step: &u32) {
        self.0 = after(self.0, *step);
    }
}

#[derive(Default)]
struct Spec<const B: usize>;

impl<const B: usize> MCTS for Spec<B> {
    type State = State<B>;
    type Eval = Null;
    type NodeData = ();
    type ExtraThreadData = ();
    type TreePolicy = AlphaGoPolicy;
    type TranspositionTable = ();

    fn rng_seed(&self) -> Option<u64> {
        Some(1)
    }
}

struct Null;

impl<const B: usize> Evaluator<Spec<B>> for Null {
    type StateEvaluation = i64;

    #[expect(clippy::cast_possible_truncation, reason = "a value times a million")]
    fn evaluate_new_state(
        &self,
        state: &State<B>,
        moves: &Vec<u32>,
        _: Option<SearchHandle<'_, Spec<B>>>,
    ) -> (Vec<f64>, i64) {
        (vec![1.0 / moves.len() as f64; moves.len()], (f64::from(value(state.0)) * SCALE) as i64)
    }

    fn evaluate_existing_state(&self, _: &State<B>, known: &i64, _: SearchHandle<'_, Spec<B>>) -> i64 {
        *known
    }

    fn interpret_evaluation_for_player(&self, value: &i64, (): &()) -> i64 {
        *value
    }
}

/// A manager with a fresh root.
pub struct Treant<const B: usize>(MCTSManager<Spec<B>>);

impl<const B: usize> Treant<B> {
    /// Its root is evaluated here.
    pub fn new(seed: u64) -> Self {
        Self(MCTSManager::new(State(seed), Spec, Null, AlphaGoPolicy::new(1.25 * SCALE), ()))
    }

    /// One search.
    pub fn search(&mut self, simulations: u64) {
        self.0.playout_n(simulations);
    }
}
