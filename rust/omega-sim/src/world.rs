//! The simulated policy and verifier.

use crate::rng::Rng;
use crate::tokens::Tokens;
use crate::truth;
use omega_core::{QuestionSpec, Request, RolloutText, SuppliedSolution, Verdict};

/// A policy with known error rates, and the verifier of its answers.
///
/// Solutions have `steps` steps. From a right prefix, each further step errs at its rate; what follows a wrong step
/// is wrong too. A solution with an error still reaches the right answer when it recovers.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Tells worlds of the same kind apart.
    pub seed: u64,
    /// Steps of a solution.
    pub steps: usize,
    /// How often steps are wrong.
    pub rates: Rates,
    /// How often wrong solutions end right.
    pub recovery: Recovery,
    /// Whether every draw writes a right step in its own words, as language models do. Otherwise the right prefixes
    /// of equal length are one state.
    pub distinct_right: bool,
    /// With `Some(k)`, one of the first k draws from every right prefix errs nowhere: estimates are exact.
    pub solvable_in: Option<u32>,
    /// Which ids the rollouts carry.
    pub tokens: Tokens,
}

/// The rate at which steps are wrong, by question and position.
#[derive(Clone, Copy, Debug)]
pub enum Rates {
    /// The same for all steps of a question, drawn for each question between these bounds.
    PerQuestion(f64, f64),
    /// The same everywhere.
    Constant(f64),
    /// One hard step (30-80 %) anywhere, the others easy (.5-6 %).
    HardStep,
    /// From a fifth to nine fifths of the question's rate (5-35 %), or the reverse.
    Ramp,
    /// Drawn for each step between these bounds.
    PerStep(f64, f64),
}

/// The chance that a solution with an error reaches the right answer: rho when continued right after the error,
/// times gamma for every wrong step written since.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    /// The chance right after the error.
    pub rho: f64,
    /// Its decay per step.
    pub gamma: f64,
}

/// Names of the random streams, so that none is read for two purposes.
enum Stream {
    Rates = 1,
    Draw = 2,
    Solution = 3,
}

impl World {
    /// Five steps, a bad-step rate of 5-35 % by question, no recovery.
    pub fn five_steps(seed: u64) -> Self {
        Self {
            seed,
            steps: 5,
            rates: Rates::PerQuestion(0.05, 0.35),
            recovery: Recovery { rho: 0.0, gamma: 1.0 },
            distinct_right: true,
            solvable_in: None,
            tokens: Tokens::None,
        }
    }

    /// The question of this number.
    pub fn question(&self, number: u32) -> QuestionSpec {
        QuestionSpec {
            id: format!("q{number}"),
            problem: format!("question {number}"),
            solutions: Vec::new(),
        }
    }

    /// The rates of a question's steps.
    pub fn rates(&self, question: u32) -> Vec<f64> {
        let mut rng = self.stream(Stream::Rates, question, 0);
        match self.rates {
            Rates::PerQuestion(low, high) => vec![rng.between(low, high); self.steps],
            Rates::Constant(rate) => vec![rate; self.steps],
            Rates::HardStep => {
                let mut rates = vec![rng.between(0.005, 0.06); self.steps];
                rates[rng.below(self.steps)] = rng.between(0.3, 0.8);
                rates
            }
            Rates::Ramp => {
                let rate = rng.between(0.05, 0.35);
                let last = (self.steps - 1).max(1) as f64;
                let mut rates: Vec<f64> =
                    (0..self.steps).map(|at| rate * (0.2 + 1.6 * at as f64 / last)).collect();
                if rng.chance(0.5) {
                    rates.reverse();
                }
                rates
            }
            Rates::PerStep(low, high) => (0..self.steps).map(|_| rng.between(low, high)).collect(),
        }
    }

    /// What the policy makes of a request. The question is the one of the request's number.
    pub fn answer(&self, request: &Request) -> RolloutText {
        let sure =
            self.solvable_in.is_some_and(|k| request.state.0 % u128::from(k) == u128::from(request.draw));
        let mut rollout = self.draw(request.id.question.0, &request.prefix, request.seed, sure);
        rollout.n_tokens = rollout.n_tokens.min(request.max_new_tokens);
        rollout
    }

    /// One continuation of a prefix. `sure` makes that of a right prefix right.
    pub fn draw(&self, question: u32, prefix: &str, seed: u64, sure: bool) -> RolloutText {
        let mut rng = self.stream(Stream::Draw, question, seed);
        let done = truth::steps(prefix).len();
        let planted = truth::first_error(prefix);
        let error = planted.or_else(|| {
            let rates = self.rates(question);
            let slip = (done..self.steps).find(|&at| rng.chance(rates[at]));
            slip.filter(|_| !sure)
        });
        let text = self.write(&mut rng, done, error);
        let right = match (error, planted) {
            (None, _) => true,
            (Some(_), None) => rng.chance(self.recovery.rho),
            (Some(at), Some(_)) => {
                let distance = i32::try_from(done - at - 1).expect("solutions are short");
                rng.chance(self.recovery.rho * self.recovery.gamma.powi(distance))
            }
        };
        let (tokens, token_ends) = self.tokens.encode(&text);
        let n_tokens = (done..self.steps).map(|_| step_tokens(&mut rng)).sum();
        let (verdict, answer) = if right { (Verdict::Correct, "right") } else { (Verdict::Wrong, "wrong") };
        RolloutText { text, tokens, token_ends, n_tokens, verdict, answer: Some(answer.into()) }
    }

    /// Solution `number` to a question, from a source of its own.
    pub fn solution(&self, question: u32, number: u64) -> SuppliedSolution {
        let seed = self.stream(Stream::Solution, question, number).bits();
        let rollout = self.draw(question, "", seed, false);
        SuppliedSolution {
            step_lengths: Vec::new(),
            text: rollout.text,
            verdict: rollout.verdict,
            answer: rollout.answer,
            source: "world".into(),
        }
    }

    fn write(&self, rng: &mut Rng, done: usize, error: Option<usize>) -> String {
        (done..self.steps)
            .map(|at| {
                let word = rng.bits();
                match error {
                    Some(error) if error <= at => format!("w{at}-{word:016x}\n"),
                    _ if self.distinct_right => format!("r{at}-{word:016x}\n"),
                    _ => format!("r{at}\n"),
                }
            })
            .collect()
    }

    fn stream(&self, stream: Stream, question: u32, number: u64) -> Rng {
        Rng::named(&[self.seed, stream as u64, u64::from(question), number])
    }
}

/// Tokens of a step: Pareto with shape 2, from 5 to 100.
fn step_tokens(rng: &mut Rng) -> u32 {
    let length = 5.0 / (1.0 - rng.unit()).sqrt();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 5 and 100")]
    let tokens = length.min(100.0) as u32;
    tokens
}
