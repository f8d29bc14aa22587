//! One strategy against many wrong solutions of a world, and what each located error cost.

use crate::truth;
use crate::world::World;
use omega_core::bayes::{self, Choice, Evidence, Likelihood, Model, Posterior, Weights};
use omega_core::{Estimate, LocateKind, Next, StoppingRule, Verdict, View, learnt_from};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Draws from the root of every question; its wrong ones are the solutions searched.
pub const ROOT_DRAWS: u32 = 16;

/// How first errors are located.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// A strategy that sees estimates, with its k.
    Estimates(LocateKind, u32),
    /// The posterior: the confidence at which it stops, and the most draws for a solution.
    Bayes {
        /// Stop here.
        confidence: f64,
        /// Draws for one solution at most; 0: k 16 times the probes of a binary search.
        cap: u32,
        /// Whether rates are learnt across questions.
        learns: bool,
    },
}

/// What became of one wrong solution.
#[derive(Clone, Copy, Debug)]
pub struct Hunt {
    /// Whether the best guess is the planted error.
    pub hit: bool,
    /// Whether the rule stood by it.
    pub answered: bool,
    /// What the rule gives for its guess; 1 where it gives none.
    pub confidence: f64,
    /// What it gives for the planted error, if it gives probabilities.
    pub at_truth: Option<f64>,
    /// Steps of the solution: as many positions the error may have.
    pub steps: usize,
    /// Draws made for it.
    pub rollouts: u32,
    /// Tokens of those.
    pub tokens: u64,
}

/// What a rule did to the questions of a world.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// One for every solution, question by question.
    pub hunts: Vec<Hunt>,
    /// Draws from the roots.
    pub root_rollouts: u64,
    /// Tokens of those.
    pub root_tokens: u64,
    /// Choices made by the posterior.
    pub choices: u64,
}

impl Account {
    /// Puts another account behind this one.
    pub fn add(&mut self, other: Self) {
        self.hunts.extend(other.hunts);
        self.root_rollouts += other.root_rollouts;
        self.root_tokens += other.root_tokens;
        self.choices += other.choices;
    }

    fn share(&self, counted: impl Fn(&Hunt) -> bool) -> f64 {
        self.count(counted) / self.hunts.len() as f64
    }

    fn count(&self, counted: impl Fn(&Hunt) -> bool) -> f64 {
        self.hunts.iter().filter(|hunt| counted(hunt)).count() as f64
    }

    /// Exact best guesses among all solutions.
    pub fn exact(&self) -> f64 {
        self.share(|hunt| hunt.hit)
    }

    /// Solutions without an answer.
    pub fn abstained(&self) -> f64 {
        self.share(|hunt| !hunt.answered)
    }

    /// Exact answers among the answers.
    pub fn exact_answered(&self) -> f64 {
        self.count(|hunt| hunt.answered && hunt.hit) / self.count(|hunt| hunt.answered).max(1.0)
    }

    /// Draws for a solution, the root's left aside.
    pub fn rollouts(&self) -> f64 {
        self.hunts.iter().map(|hunt| f64::from(hunt.rollouts)).sum::<f64>() / self.hunts.len() as f64
    }

    /// Draws per exact answer, the root's and the abstentions' included.
    pub fn rollouts_per_exact(&self) -> f64 {
        let all = self.rollouts() * self.hunts.len() as f64 + self.root_rollouts as f64;
        all / self.count(|hunt| hunt.answered && hunt.hit)
    }

    /// Tokens per exact answer, the root's and the abstentions' included.
    pub fn tokens_per_exact(&self) -> f64 {
        let all = self.hunts.iter().map(|hunt| hunt.tokens).sum::<u64>() + self.root_tokens;
        all as f64 / self.count(|hunt| hunt.answered && hunt.hit)
    }

    /// Bits learnt about the first error per draw, the root's included, beyond an even guess. A rule that gives no
    /// probabilities is taken for as sure of its answers as their exact share warrants.
    pub fn bits_per_rollout(&self) -> f64 {
        let all = self.rollouts() * self.hunts.len() as f64 + self.root_rollouts as f64;
        let sure = self.exact_answered();
        let bits = |hunt: &Hunt| {
            let others = hunt.steps.saturating_sub(1).max(1) as f64;
            let of_truth = match hunt.at_truth {
                Some(chance) => chance,
                None if !hunt.answered => 1.0 / hunt.steps as f64,
                None if hunt.hit => sure,
                None => (1.0 - sure) / others,
            };
            (of_truth.max(1e-9) * hunt.steps as f64).log2()
        };
        self.hunts.iter().map(bits).sum::<f64>() / all
    }

    /// Expected calibration error of the best guess over all solutions: ten bins of equal width by confidence, the
    /// absolute difference of mean confidence and share of hits, weighted by the bins' sizes.
    pub fn calibration_error(&self) -> f64 {
        let mut bins = [0.0_f64; 10];
        for hunt in &self.hunts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 10")]
            let bin = (hunt.confidence * 10.0) as usize;
            bins[bin.min(9)] += hunt.confidence - f64::from(u8::from(hunt.hit));
        }
        bins.iter().map(|bin| bin.abs()).sum::<f64>() / self.hunts.len() as f64
    }
}

/// Searches the wrong ones among the first root draws of each question.
pub fn hunt(world: &World, questions: u32, rule: Rule) -> Account {
    let mut account = Account::default();
    let model = Model::new(world.steps);
    let mut learnt = Learnt { learns: matches!(rule, Rule::Bayes { learns: true, .. }), ..Learnt::default() };
    for number in 0..questions {
        let mut question = Question::new(world, number);
        account.root_rollouts += u64::from(ROOT_DRAWS);
        account.root_tokens += question.tokens;
        learnt.before(number);
        let wrong: Vec<String> = std::mem::take(&mut question.wrong);
        for solution in wrong {
            let hunt = match rule {
                Rule::Estimates(kind, k) => question.by_estimates(&solution, kind, k),
                Rule::Bayes { confidence, cap, .. } => {
                    let cap = if cap == 0 { default_cap(world.steps) } else { cap };
                    question.by_posterior(
                        &solution,
                        &model,
                        &learnt.weights,
                        confidence,
                        cap,
                        &mut account.choices,
                    )
                }
            };
            account.hunts.push(hunt);
        }
        if learnt.learns {
            learnt.likelihoods.push(Likelihood::of(&model, &question.evidence));
        }
    }
    account
}

/// What a binary search with k 16 may spend.
fn default_cap(steps: usize) -> u32 {
    16 * steps.next_power_of_two().trailing_zeros()
}

#[derive(Default)]
struct Learnt {
    learns: bool,
    /// Learnt from so many.
    questions: usize,
    weights: Weights,
    likelihoods: Vec<Likelihood>,
}

impl Learnt {
    /// Epochs as the core's.
    fn before(&mut self, question: u32) {
        let questions = if self.learns { learnt_from(question as usize) } else { 0 };
        if questions > self.questions {
            let first = self.likelihoods.iter().take(questions);
            self.weights = bayes::learn(&first.collect::<Vec<_>>());
            self.questions = questions;
        }
    }
}

struct Question<'a> {
    world: &'a World,
    number: u32,
    seed: u64,
    root: Estimate,
    tokens: u64,
    evidence: Evidence,
    wrong: Vec<String>,
}

impl<'a> Question<'a> {
    fn new(world: &'a World, number: u32) -> Self {
        let mut question = Self {
            world,
            number,
            seed: 0,
            root: Estimate { rule: StoppingRule::Fixed, ..Estimate::default() },
            tokens: 0,
            evidence: Evidence::default(),
            wrong: Vec::new(),
        };
        for _ in 0..ROOT_DRAWS {
            let (text, right, tokens) = question.draw("");
            question.root.n_judged += 1;
            question.root.n_correct += u32::from(right);
            question.tokens += tokens;
            question.evidence.add(None, &keys("", &text), right);
            if !right {
                question.wrong.push(text);
            }
        }
        question
    }

    fn draw(&mut self, prefix: &str) -> (String, bool, u64) {
        let rollout = self.world.draw(self.number, prefix, self.seed, false);
        self.seed += 1;
        (rollout.text, rollout.verdict == Verdict::Correct, u64::from(rollout.n_tokens))
    }

    fn by_estimates(&mut self, solution: &str, kind: LocateKind, k: u32) -> Hunt {
        let steps = truth::steps(solution);
        let mut estimates = vec![Estimate::default(); steps.len()];
        estimates[0] = self.root;
        let (mut rollouts, mut tokens) = (0, 0);
        loop {
            match kind.strategy().next(&View { estimates: &estimates, k, belief: None }) {
                Next::Draw(wants) => {
                    for want in wants {
                        let prefix = steps[..want.cut].concat();
                        while estimates[want.cut].drawn() < want.draws {
                            let (_, right, cost) = self.draw(&prefix);
                            estimates[want.cut].n_judged += 1;
                            estimates[want.cut].n_correct += u32::from(right);
                            rollouts += 1;
                            tokens += cost;
                        }
                    }
                }
                Next::Located { step } => {
                    let hit = truth::first_error(solution) == Some(step);
                    let steps = steps.len();
                    return Hunt {
                        hit,
                        answered: true,
                        confidence: 1.0,
                        at_truth: None,
                        steps,
                        rollouts,
                        tokens,
                    };
                }
                Next::Unknown | Next::Undecided => {
                    return Hunt {
                        hit: false,
                        answered: false,
                        confidence: 0.0,
                        at_truth: None,
                        steps: steps.len(),
                        rollouts,
                        tokens,
                    };
                }
            }
        }
    }

    fn by_posterior(
        &mut self,
        solution: &str,
        model: &Model,
        weights: &Weights,
        sure: f64,
        cap: u32,
        choices: &mut u64,
    ) -> Hunt {
        let steps = truth::steps(solution);
        let own = keys("", solution);
        let last = *own.last().expect("a solution has steps");
        let mut posterior = Posterior::new(model, &self.evidence, weights, last).expect("it was added");
        let (mut rollouts, mut tokens) = (0, 0);
        loop {
            *choices += 1;
            let (step, confidence) = posterior.best();
            let answered = match bayes::choose(&posterior, sure, cap - rollouts, 1) {
                Choice::Probe { cut } => {
                    let prefix = steps[..cut].concat();
                    let (text, right, cost) = self.draw(&prefix);
                    let (from, keys) = (Some(own[cut - 1]), keys(&prefix, &text));
                    let followed = self.evidence.followed(last, from, &keys);
                    self.evidence.add(from, &keys, right);
                    assert!(posterior.observe(cut, followed, right), "the model explains every outcome");
                    rollouts += 1;
                    tokens += cost;
                    continue;
                }
                Choice::Located { .. } => true,
                Choice::Undecided => false,
            };
            let error = truth::first_error(solution).expect("only wrong solutions are searched");
            return Hunt {
                hit: error == step,
                answered,
                confidence,
                at_truth: Some(posterior.error_at()[error]),
                steps: steps.len(),
                rollouts,
                tokens,
            };
        }
    }
}

/// Names of the prefixes that a continuation goes through.
fn keys(prefix: &str, text: &str) -> Vec<u128> {
    let mut whole = prefix.to_owned();
    truth::steps(text)
        .into_iter()
        .map(|step| {
            whole.push_str(step);
            let name = |salt: u8| {
                let mut hash = DefaultHasher::new();
                (salt, &whole).hash(&mut hash);
                u128::from(hash.finish())
            };
            name(1) << 64 | name(2)
        })
        .collect()
}
