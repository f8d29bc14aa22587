//! Everything that decides which labels a run makes.

use crate::error::Error;
use crate::locate::LocateKind;
use crate::score::{LengthUnit, OmegaScore};
use crate::split::{Split, Splitter};
use crate::thought::Thought;
use crate::verdict::Judging;
use serde::{Deserialize, Serialize};

/// So many draws tell V to .004; more would not fit their numbers' range with room to spare.
const MOST_SOFT_ROLLOUTS: u32 = 1 << 16;

/// How it was before there was a choice: runs that don't name it were made so.
fn one_at_a_time() -> u32 {
    1
}

/// The identity of a search: with the questions and the responses, it determines every label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seeds every draw, together with its question, state and number.
    pub seed: u64,
    /// k: draws that settle a state.
    pub num_rollouts: u32,
    /// Draws from the root; 0 means k. With 32 it is the paper's screening, whose draws are kept and searched.
    pub root_rollouts: u32,
    /// How the first error of a wrong solution is found.
    pub locate: LocateKind,
    /// The probability at which `bayes` takes a first error for located.
    pub locate_confidence: f64,
    /// Draws `bayes` may spend on one solution; 0 means what `binary` may: k for each halving of its steps.
    pub locate_cap: u32,
    /// Searches and further draws of one question that `bayes` has under way at once, after a first error was located.
    /// What a search that begins later could learn from those under way it does without, so this decides labels.
    #[serde(default = "one_at_a_time")]
    pub searches_at_once: u32,
    /// How the next wrong rollout is chosen.
    pub select: OmegaScore,
    /// What len(r) counts.
    pub length_unit: LengthUnit,
    /// Selections from the pool per question.
    pub max_search_count: u32,
    /// Draws per question, the root's included; never exceeded.
    pub rollout_budget: u32,
    /// Generated tokens per question, never exceeded; `None` means no limit.
    pub token_budget: Option<u64>,
    /// The longest continuation; a token budget sets this much aside for every draw in flight.
    pub max_new_tokens: u32,
    /// How texts become steps.
    pub split: Split,
    /// What a model says to itself, and whether that is cut.
    pub thought: Thought,
    /// How rollouts without an answer count.
    pub judging: Judging,
    /// What becomes of solutions that came with the question.
    pub solutions: Supplied,
    /// Which right continuations become labelled leaves.
    pub right_leaves: RightLeaves,
    /// Draws for a soft label at labelled states of searched solutions that have no fixed-size estimate; 0 for none.
    pub soft_rollouts: u32,
}

/// Which right continuations of the policy become labelled leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightLeaves {
    /// Those launched from the root.
    #[default]
    Root,
    /// Those launched from any state that is held right.
    All,
}

/// What becomes of solutions that came with a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supplied {
    /// They alone are labelled; the policy's own rollouts only estimate states.
    #[default]
    Label,
    /// The wrong ones are searched first, then the policy's own.
    Seed,
    /// They are not looked at.
    Ignore,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            num_rollouts: 16,
            root_rollouts: 0,
            locate: LocateKind::default(),
            locate_confidence: 0.955,
            locate_cap: 0,
            searches_at_once: 4,
            select: OmegaScore::default(),
            length_unit: LengthUnit::Tokens,
            max_search_count: 20,
            rollout_budget: 200,
            token_budget: None,
            max_new_tokens: 2048,
            split: Split::Separator { separator: "\n\n".into() },
            thought: Thought::default(),
            judging: Judging::default(),
            solutions: Supplied::Label,
            right_leaves: RightLeaves::default(),
            soft_rollouts: 0,
        }
    }
}

impl Config {
    /// Reads and checks a JSON object; absent fields take their defaults (`searches_at_once` 1), unknown ones are refused.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let config: Self =
            serde_json::from_str(text).map_err(|error| Error::ConfigText(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Draws from the root.
    pub fn root_draws(&self) -> u32 {
        if self.root_rollouts == 0 { self.num_rollouts } else { self.root_rollouts }
    }

    /// What may be under way at once beside the root's draws. Other strategies have full slots by draws of one state.
    pub fn most_searches_at_once(&self) -> u32 {
        if self.locate == LocateKind::Bayes { self.searches_at_once } else { 1 }
    }

    /// Names the first setting that cannot work.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |field, problem: &str| Err(Error::Config { field, problem: problem.into() });
        if self.num_rollouts == 0 {
            return bad("num_rollouts", "must be at least 1");
        }
        if self.rollout_budget < self.root_draws() {
            return bad("rollout_budget", "does not pay for the draws from the root");
        }
        if !(0.5 <= self.locate_confidence && self.locate_confidence < 1.0) {
            return bad("locate_confidence", "must be at least .5 and below 1");
        }
        if self.searches_at_once == 0 {
            return bad("searches_at_once", "must be at least 1");
        }
        if self.soft_rollouts > MOST_SOFT_ROLLOUTS {
            return bad("soft_rollouts", "must be at most 65536");
        }
        if self.max_new_tokens == 0 {
            return bad("max_new_tokens", "must be at least 1");
        }
        if self.token_budget.is_some_and(|tokens| tokens < u64::from(self.max_new_tokens)) {
            return bad("token_budget", "does not pay for one continuation of max_new_tokens");
        }
        self.select.check()?;
        self.splitter().map(drop)
    }

    /// What cuts solutions into steps.
    pub fn splitter(&self) -> Result<Splitter, Error> {
        Splitter::new(&self.split)?.with_thought(&self.thought)
    }
}
