//! Figures of a run, from counts alone.

use crate::published::Search;
use crate::truth;
use omega_core::{SearchArtifacts, SearchOutcome};
use std::collections::BTreeSet;

/// What rollouts bought.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Draws made.
    pub rollouts: u64,
    /// Searches made.
    pub searches: u64,
    /// Searches of a rollout that had been searched before.
    pub repeats: u64,
    /// Distinct (right prefix, wrong step) pairs located.
    pub located: u64,
    /// Those that are the planted error.
    pub exact: u64,
    /// Distinct right prefixes among the exact ones.
    pub right_prefixes: u64,
    /// Estimates made.
    pub estimates: u64,
    /// Estimates of a prefix that had one.
    pub estimates_repeated: u64,
    /// Draws beyond the budgets.
    pub overshoot: u64,
}

impl Figures {
    /// Of the core, with this budget of rollouts per question.
    pub fn of_core(questions: &[SearchArtifacts], budget: u32) -> Self {
        let mut all = Self::default();
        for artifacts in questions {
            let rollouts: BTreeSet<u32> = artifacts.searches.iter().map(|search| search.rollout).collect();
            let errors: BTreeSet<u32> = artifacts
                .searches
                .iter()
                .filter(|search| search.outcome == SearchOutcome::Located)
                .filter_map(|search| search.error_node)
                .collect();
            let exact: Vec<u32> =
                errors.iter().copied().filter(|&node| is_planted_error(&prefix(artifacts, node))).collect();
            let right: BTreeSet<Option<u32>> =
                exact.iter().map(|&node| artifacts.nodes[node as usize].parent).collect();
            let drawn = artifacts.nodes.iter().filter(|node| node.n_rollouts + node.n_excluded > 0);
            let prefixes: BTreeSet<&str> = drawn.clone().map(|node| node.state.as_str()).collect();
            all.rollouts += u64::from(artifacts.counts.rollouts);
            all.searches += artifacts.searches.len() as u64;
            all.repeats += (artifacts.searches.len() - rollouts.len()) as u64;
            all.located += errors.len() as u64;
            all.exact += exact.len() as u64;
            all.right_prefixes += right.len() as u64;
            all.estimates += drawn.clone().count() as u64;
            all.estimates_repeated += (drawn.count() - prefixes.len()) as u64;
            all.overshoot += u64::from(artifacts.counts.rollouts.saturating_sub(budget));
        }
        all
    }

    /// Of the published rule, with this budget of rollouts per question.
    pub fn of_published(questions: &[Search], budget: u32) -> Self {
        let mut all = Self::default();
        for search in questions {
            all.rollouts += u64::from(search.rollouts);
            all.searches += u64::from(search.searches);
            all.repeats += u64::from(search.repeats);
            all.located += search.located.len() as u64;
            let exact = || search.located.iter().filter(|(_, exact)| **exact);
            let right: BTreeSet<&str> = exact().map(|((prefix, _), _)| prefix.as_str()).collect();
            all.exact += exact().count() as u64;
            all.right_prefixes += right.len() as u64;
            all.estimates += u64::from(search.estimates);
            all.estimates_repeated += u64::from(search.estimates_repeated);
            all.overshoot += u64::from(search.rollouts.saturating_sub(budget));
        }
        all
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.rollouts += other.rollouts;
        self.searches += other.searches;
        self.repeats += other.repeats;
        self.located += other.located;
        self.exact += other.exact;
        self.right_prefixes += other.right_prefixes;
        self.estimates += other.estimates;
        self.estimates_repeated += other.estimates_repeated;
        self.overshoot += other.overshoot;
    }

    /// How many of something came of 1,000 rollouts.
    pub fn per_thousand(&self, count: u64) -> f64 {
        count as f64 * 1e3 / self.rollouts as f64
    }
}

/// The text of a state: its steps from the root.
pub fn prefix(artifacts: &SearchArtifacts, node: u32) -> String {
    let at = |node: u32| &artifacts.nodes[node as usize];
    let path: Vec<u32> = std::iter::successors(Some(node), |&node| at(node).parent).collect();
    path.into_iter().rev().map(|node| at(node).step.as_str()).collect()
}

/// Whether the last step of a prefix is its first wrong one.
fn is_planted_error(prefix: &str) -> bool {
    truth::first_error(prefix).is_some_and(|error| error + 1 == truth::steps(prefix).len())
}
