//! The search of a published `OmegaPRM` runner (openr, version 2), faults included: the baseline.
//!
//! It differs from `omega-core` in what costs rollouts. A state is estimated anew whenever a search comes by; a search
//! goes on to the end of the solution, where nothing is left to continue; the rollout that was searched goes back into the
//! pool; and budgets are looked at between searches alone.

use crate::truth;
use crate::world::World;
use omega_core::{OmegaScore, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// The rule with its settings.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Draws per estimate.
    pub k: u32,
    /// Searches per question.
    pub max_search_count: u32,
    /// Rollouts per question, looked at between searches.
    pub rollout_budget: u32,
    /// The selection score.
    pub score: OmegaScore,
    /// Whether searched rollouts go back into the pool, as in the released code.
    pub puts_back: bool,
}

/// What it did to one question.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Draws made.
    pub rollouts: u32,
    /// Searches made.
    pub searches: u32,
    /// Searches of a rollout that had been searched before.
    pub repeats: u32,
    /// Estimates made.
    pub estimates: u32,
    /// Estimates of a prefix that had one.
    pub estimates_repeated: u32,
    /// Distinct errors, as (right prefix, wrong step), and whether each is the planted one.
    pub located: BTreeMap<(String, String), bool>,
}

impl Published {
    /// k 16, 20 searches, 200 rollouts, as released.
    pub fn released() -> Self {
        Self {
            k: 16,
            max_search_count: 20,
            rollout_budget: 200,
            score: OmegaScore::default(),
            puts_back: true,
        }
    }

    /// Searches one question.
    pub fn search(&self, world: &World, question: u32) -> Search {
        let mut state = Searching {
            rule: self,
            world,
            question,
            states: Vec::new(),
            prefixes: BTreeSet::new(),
            result: Search::default(),
        };
        state.run();
        state.result
    }
}

struct Searching<'a> {
    rule: &'a Published,
    world: &'a World,
    question: u32,
    states: Vec<State>,
    prefixes: BTreeSet<String>,
    result: Search,
}

struct State {
    prefix: String,
    mc: f64,
    visits: u32,
    wrong: Vec<Wrong>,
}

struct Wrong {
    text: String,
    n_tokens: u32,
    in_pool: bool,
    searched: bool,
}

impl Searching<'_> {
    fn run(&mut self) {
        self.estimate(String::new());
        while self.result.searches < self.rule.max_search_count
            && self.result.rollouts < self.rule.rollout_budget
        {
            let Some((state, rollout)) = self.select() else { break };
            self.result.searches += 1;
            self.states[state].visits += 1;
            let selected = &mut self.states[state].wrong[rollout];
            selected.in_pool = false;
            self.result.repeats += u32::from(std::mem::replace(&mut selected.searched, true));
            self.locate(state, rollout);
            if self.rule.puts_back {
                for wrong in &mut self.states[state].wrong {
                    wrong.in_pool = true;
                }
            }
        }
    }

    /// k fresh draws, however often the prefix was estimated before; gives MC.
    fn estimate(&mut self, prefix: String) -> f64 {
        self.result.estimates += 1;
        self.result.estimates_repeated += u32::from(!self.prefixes.insert(prefix.clone()));
        let mut wrong = Vec::new();
        for _ in 0..self.rule.k {
            let seed = u64::from(self.result.rollouts);
            self.result.rollouts += 1;
            let rollout = self.world.draw(self.question, &prefix, seed, false);
            if rollout.verdict != Verdict::Correct {
                let (text, n_tokens) = (rollout.text, rollout.n_tokens);
                wrong.push(Wrong { text, n_tokens, in_pool: true, searched: false });
            }
        }
        let mc = 1.0 - wrong.len() as f64 / f64::from(self.rule.k);
        if 0.0 < mc && mc < 1.0 {
            self.states.push(State { prefix, mc, visits: 0, wrong });
        }
        mc
    }

    fn select(&self) -> Option<(usize, usize)> {
        let all_visits = self.states.iter().map(|state| state.visits).sum();
        let mut best = None;
        for (s, state) in self.states.iter().enumerate() {
            let u = self.rule.score.u(all_visits, state.visits);
            for (r, wrong) in state.wrong.iter().enumerate().filter(|(_, wrong)| wrong.in_pool) {
                let value = self.rule.score.q(state.mc, wrong.n_tokens) + u;
                if best.is_none_or(|(highest, _)| value > highest) {
                    best = Some((value, (s, r)));
                }
            }
        }
        best.map(|(_, place)| place)
    }

    fn locate(&mut self, state: usize, rollout: usize) {
        let base = self.states[state].prefix.clone();
        let text = self.states[state].wrong[rollout].text.clone();
        let steps = truth::steps(&text);
        let prefix = |cut: usize| base.clone() + &steps[..cut].concat();
        // Steps before `left` are taken for right, the one at `right` for wrong.
        let (mut left, mut right) = (0, steps.len());
        while left < right {
            let middle = usize::midpoint(left, right - 1);
            if self.estimate(prefix(middle + 1)) > 0.0 {
                left = middle + 1;
            } else {
                right = middle;
            }
        }
        // Past the last step, even the complete solution was taken for right.
        if let Some(step) = steps.get(left) {
            let before = prefix(left);
            let exact = truth::prefix_is_right(&before) && step.starts_with('w');
            self.result.located.insert((before, (*step).to_owned()), exact);
        }
    }
}
