//! What a question's search believes: all its evidence, and the posteriors of the searches under way.

use super::hunt::Hunt;
use super::suppose::Supposed;
use crate::config::Config;
use crate::ids::{NodeId, RolloutId};
use crate::locate::bayes::{Belief, Evidence, Likelihood, Model, Outlook, Posterior, Weights};
use crate::tree::{StepMark, Tree};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Kept through a question's search where errors are located by a posterior.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Beliefs {
    /// The epoch whose weights the question started with.
    pub(crate) epoch: u32,
    weights: Weights,
    evidence: Evidence,
    /// All of it in the order in which it came, so that the evidence of any moment can be made again.
    seen: Vec<Seen>,
    /// Steps of the model, settled by the first search.
    steps: Option<usize>,
    /// Lengths of the solutions seen, until then.
    lengths: Vec<usize>,
    /// Of the searches under way, by task.
    lanes: BTreeMap<u32, Lane>,
    /// By right state, its rollouts before this one were looked at for the pool.
    pub(super) pooled: BTreeMap<NodeId, usize>,
    /// States that are surely right, and the errors that one more draw from each was last expected to bring.
    pub(super) sure: Vec<(NodeId, f64)>,
    /// A searched rollout through each of them, and the cut at which it is there.
    pub(super) through: BTreeMap<NodeId, (RolloutId, usize)>,
    #[serde(skip)]
    pub(super) supposed: Supposed,
}

/// A judged solution, by the keys of the prefixes it goes through.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seen {
    from: Launch,
    keys: Vec<u128>,
    right: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Launch {
    /// It came with the question.
    Supplied,
    Root,
    State(u128),
}

/// The posterior of one search. It takes in draw by draw what is drawn from prefixes of the searched solution; what other
/// searches show meanwhile tells of rates and recovery, and enters when this one decides again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lane {
    rollout: RolloutId,
    solution: u128,
    /// How much had been seen when it was last made from all evidence, and what it took in since.
    since: usize,
    taken: Vec<Taken>,
    /// Something else was seen since.
    behind: bool,
    /// Made again from the rest where it is missing.
    #[serde(skip)]
    posterior: Option<Made>,
}

/// A posterior that was made; nothing inside where the model does not explain what was seen.
#[derive(Clone, Debug)]
struct Made(Option<Posterior>);

/// A continuation of the prefix at `cut` that shares the solution's steps up to the cut `followed`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Taken {
    cut: usize,
    followed: usize,
    right: bool,
}

impl Seen {
    fn join(&self, evidence: &mut Evidence) {
        match self.from {
            Launch::Supplied => evidence.add_supplied(&self.keys),
            Launch::Root => evidence.add(None, &self.keys, self.right),
            Launch::State(from) => evidence.add(Some(from), &self.keys, self.right),
        }
    }
}

impl Lane {
    fn take(&mut self, taken: Taken) {
        self.taken.push(taken);
        if let Some(Made(posterior)) = &mut self.posterior {
            observe(posterior, taken);
        }
    }
}

fn observe(posterior: &mut Option<Posterior>, Taken { cut, followed, right }: Taken) {
    if posterior.as_mut().is_some_and(|one| !one.observe(cut, followed, right)) {
        *posterior = None;
    }
}

impl Beliefs {
    /// Before anything is seen, and before it is known which rates to start from.
    pub(super) fn new() -> Self {
        Self {
            epoch: 0,
            weights: Weights::default(),
            evidence: Evidence::default(),
            seen: Vec::new(),
            steps: None,
            lengths: Vec::new(),
            lanes: BTreeMap::new(),
            pooled: BTreeMap::new(),
            sure: Vec::new(),
            through: BTreeMap::new(),
            supposed: Supposed::default(),
        }
    }

    /// Call before the first search.
    pub(super) fn start_from(&mut self, epoch: u32, weights: Weights) {
        (self.epoch, self.weights) = (epoch, weights);
    }

    /// A judged continuation of the prefix `from` (`None`: the root).
    pub(super) fn saw(&mut self, from: Option<u128>, keys: Vec<u128>, right: bool) {
        for lane in self.lanes.values_mut() {
            let Some((cut, followed)) = self.evidence.shared(lane.solution, from, &keys) else {
                lane.behind = true;
                continue;
            };
            if followed > cut {
                // What was supposed left the solution at once.
                self.supposed.forget(lane.rollout);
            }
            lane.take(Taken { cut, followed, right });
        }
        self.add(Seen { from: from.map_or(Launch::Root, Launch::State), keys, right });
    }

    /// A supplied solution, judged wrong.
    pub(super) fn saw_supplied(&mut self, keys: Vec<u128>) {
        self.add(Seen { from: Launch::Supplied, keys, right: false });
    }

    fn add(&mut self, seen: Seen) {
        if self.steps.is_none() {
            self.lengths.push(seen.keys.len());
        }
        seen.join(&mut self.evidence);
        self.seen.push(seen);
    }

    /// Begins to believe something of a search, from all that was seen so far.
    pub(super) fn begin(&mut self, task: u32, hunt: &Hunt) {
        self.steps.get_or_insert_with(|| median(&self.lengths));
        self.supposed.forget(hunt.rollout);
        let (rollout, solution, since) = (hunt.rollout, hunt.solution_key(), self.seen.len());
        let lane = Lane { rollout, solution, since, taken: Vec::new(), behind: false, posterior: None };
        self.lanes.insert(task, lane);
    }

    /// Brings what is believed of a search up to all that was seen.
    pub(super) fn catch_up(&mut self, task: u32) {
        if let Some(lane) = self.lanes.get_mut(&task).filter(|lane| lane.behind) {
            (lane.since, lane.behind, lane.posterior) = (self.seen.len(), false, None);
            lane.taken.clear();
            self.supposed.forget(lane.rollout);
        }
        self.renew();
    }

    /// Draws until the posterior of a search is sure, as far as can be told now.
    pub(super) fn draws_missing(&self, task: u32, config: &Config, launched: u32) -> f64 {
        self.posterior(task).map_or(0.0, |posterior| {
            Outlook::of(posterior, config.locate_confidence, launched as usize, false).draws
        })
    }

    /// Makes the posteriors that are missing.
    pub(super) fn renew(&mut self) {
        let steps = self.typical_steps();
        for lane in self.lanes.values_mut().filter(|lane| lane.posterior.is_none()) {
            let model = Model::new(steps);
            let posterior = if lane.since == self.seen.len() {
                Posterior::new(&model, &self.evidence, &self.weights, lane.solution)
            } else {
                let mut before = Evidence::default();
                self.seen[..lane.since].iter().for_each(|seen| seen.join(&mut before));
                Posterior::new(&model, &before, &self.weights, lane.solution)
            };
            let Made(posterior) = lane.posterior.insert(Made(posterior));
            lane.taken.iter().for_each(|&taken| observe(posterior, taken));
        }
    }

    /// That of a search, as far as it is made; `None` also where the model does not explain what was seen.
    fn posterior(&self, task: u32) -> Option<&Posterior> {
        self.lanes.get(&task)?.posterior.as_ref()?.0.as_ref()
    }

    /// What the strategy may look at; `None` if nothing the model knows explains what was seen. Call `renew` before.
    pub(super) fn belief(&self, task: u32, config: &Config, hunt: &Hunt, tree: &Tree) -> Option<Belief<'_>> {
        let posterior = self.posterior(task)?;
        let fresh = fresh_belief(config, posterior, hunt, tree);
        Some(Belief { left: fresh.left.saturating_sub(hunt.made), ..fresh })
    }

    /// The posterior that a search would start from now; `None` as for `belief`.
    pub(super) fn posterior_of(&self, hunt: &Hunt) -> Option<Posterior> {
        Posterior::new(&Model::new(self.typical_steps()), &self.evidence, &self.weights, hunt.solution_key())
    }

    /// What a search of the solution `key` would bring that continues a prefix of `launched` steps.
    pub(super) fn outlook(&self, config: &Config, key: u128, launched: u32, known: bool) -> Option<Outlook> {
        let model = Model::new(self.typical_steps());
        let posterior = Posterior::new(&model, &self.evidence, &self.weights, key)?;
        Some(Outlook::of(&posterior, config.locate_confidence, launched as usize, known))
    }

    /// Errors that one more draw from the state `key` is expected to bring: what would be, were it wrong.
    pub(super) fn outlook_of_draw(&self, config: &Config, key: u128, launched: u32, known: bool) -> f64 {
        let more = self.typical_steps().saturating_sub(launched as usize);
        let keys: Vec<u128> = (1..=more as u128).map(|step| (!key).wrapping_add(step)).collect();
        let Some(&last) = keys.last() else { return 0.0 };
        let mut supposed = self.evidence.clone();
        supposed.add(Some(key), &keys, false);
        let model = Model::new(self.typical_steps());
        let posterior = Posterior::new(&model, &supposed, &self.weights, last);
        posterior.map_or(0.0, |posterior| {
            Outlook::of(&posterior, config.locate_confidence, launched as usize, known).of_draw()
        })
    }

    /// Takes a state for surely right; one more draw from it has to show what it is worth.
    pub(super) fn trust(&mut self, node: NodeId) {
        if self.sure.iter().all(|(known, _)| *known != node) {
            self.sure.push((node, 1.0));
        }
    }

    fn typical_steps(&self) -> usize {
        self.steps.unwrap_or_else(|| median(&self.lengths))
    }

    /// Writes on the states along the searched solution what is sure enough of them, and gives those that are right.
    pub(super) fn label(&self, task: u32, config: &Config, hunt: &Hunt, tree: &mut Tree) -> Vec<NodeId> {
        let Some(belief) = self.belief(task, config, hunt, tree) else { return Vec::new() };
        let mut right_nodes = Vec::new();
        let (mut right, mut error_marked) = (1.0, false);
        for cut in 0..=belief.posterior.steps() {
            let node = match cut.checked_sub(belief.launched) {
                // A solution that stopped before its answer has one position more than it has states.
                Some(beyond) if beyond <= hunt.steps() => hunt.known(beyond, tree),
                Some(_) => None,
                None => tree.path(hunt.launched).get(cut).copied(),
            };
            if let Some(id) = node {
                let node = tree.node_mut(id);
                if cut < belief.posterior.steps() {
                    node.value = Some(belief.posterior.value(cut));
                }
                let wrong = 1.0 - right;
                if right >= belief.confidence {
                    right_nodes.push(id);
                    if cut > 0 {
                        node.mark = StepMark::LikelyRight;
                        node.confidence = Some(rounded(right));
                    }
                } else if wrong >= belief.confidence && (node.estimate.drawn() > 0 || !error_marked) {
                    // Beyond the first error, only states that were drawn from are worth a label.
                    error_marked = true;
                    node.mark = StepMark::LikelyWrong;
                    node.confidence = Some(rounded(wrong));
                }
            }
            right -= belief.posterior.error_at().get(cut).copied().unwrap_or(0.0);
        }
        right_nodes
    }

    /// P(e) over the whole solution's steps, to six places; empty if there is no posterior.
    pub(super) fn report(&self, task: u32) -> Vec<f64> {
        self.posterior(task)
            .map(|one| one.error_at().iter().copied().map(rounded).collect())
            .unwrap_or_default()
    }

    /// Ends what is believed of a search.
    pub(super) fn close(&mut self, task: u32) {
        self.lanes.remove(&task);
        let open: BTreeSet<RolloutId> = self.lanes.values().map(|lane| lane.rollout).collect();
        self.supposed.keep(&open);
    }

    /// How well each hypothesis explains the finished question.
    pub(super) fn likelihood(&self) -> Likelihood {
        Likelihood::of(&Model::new(self.typical_steps()), &self.evidence)
    }
}

/// What the strategy may look at before the first draw of a search.
pub(super) fn fresh_belief<'a>(
    config: &Config,
    posterior: &'a Posterior,
    hunt: &Hunt,
    tree: &Tree,
) -> Belief<'a> {
    let launched = tree.node(hunt.launched).depth as usize;
    let steps = posterior.steps().saturating_sub(launched).max(2);
    let halvings = usize::BITS - (steps - 1).leading_zeros();
    let cap = match config.locate_cap {
        0 => config.num_rollouts.saturating_mul(halvings),
        cap => cap,
    };
    Belief { posterior, confidence: config.locate_confidence, left: cap, launched }
}

/// The length of a typical solution.
fn median(lengths: &[usize]) -> usize {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(2)
}

fn rounded(probability: f64) -> f64 {
    (probability.clamp(0.0, 1.0) * 1e6).round() / 1e6
}
