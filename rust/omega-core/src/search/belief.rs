//! What a question's search believes: all its evidence, and the posterior of the search under way.

use super::hunt::Hunt;
use super::suppose::Supposed;
use crate::config::Config;
use crate::ids::{NodeId, RolloutId};
use crate::locate::bayes::{Belief, Evidence, Likelihood, Model, Outlook, Posterior, Weights};
use crate::tree::{StepMark, Tree};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kept through a question's search where errors are located by a posterior.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Beliefs {
    /// The epoch whose weights the question started with.
    pub(crate) epoch: u32,
    weights: Weights,
    evidence: Evidence,
    /// Steps of the model, settled by the first search.
    steps: Option<usize>,
    /// Lengths of the solutions seen, until then.
    lengths: Vec<usize>,
    /// What came since the search under way began; it joins the evidence when that ends.
    pending: Vec<Seen>,
    /// Draws since then that nobody could judge.
    unjudged: u32,
    /// By right state, its rollouts before this one were looked at for the pool.
    pub(super) pooled: BTreeMap<NodeId, usize>,
    /// States that are surely right, and the errors that one more draw from each was last expected to bring.
    pub(super) sure: Vec<(NodeId, f64)>,
    /// A searched rollout through each of them, and the cut at which it is there.
    pub(super) through: BTreeMap<NodeId, (RolloutId, usize)>,
    /// The state that the last draw outside a search continued.
    pub(super) sown: Option<NodeId>,
    /// Made again from the rest where it is missing.
    #[serde(skip)]
    cache: Option<Cache>,
    #[serde(skip)]
    pub(super) supposed: Supposed,
}

/// A judged continuation, by the keys of the prefixes it goes through.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seen {
    from: Option<u128>,
    keys: Vec<u128>,
    right: bool,
}

#[derive(Clone, Debug)]
struct Cache {
    posterior: Option<Posterior>,
    /// Pending outcomes taken in.
    taken: usize,
}

impl Beliefs {
    /// Before anything is seen, and before it is known which rates to start from.
    pub(super) fn new() -> Self {
        Self {
            epoch: 0,
            weights: Weights::default(),
            evidence: Evidence::default(),
            steps: None,
            lengths: Vec::new(),
            pending: Vec::new(),
            unjudged: 0,
            pooled: BTreeMap::new(),
            sure: Vec::new(),
            through: BTreeMap::new(),
            sown: None,
            cache: None,
            supposed: Supposed::default(),
        }
    }

    /// Call before the first search.
    pub(super) fn start_from(&mut self, epoch: u32, weights: Weights) {
        (self.epoch, self.weights) = (epoch, weights);
    }

    /// A judged continuation of the prefix `from` (`None`: the root).
    pub(super) fn saw(&mut self, from: Option<u128>, keys: Vec<u128>, right: bool, hunting: bool) {
        if hunting {
            self.pending.push(Seen { from, keys, right });
        } else {
            self.lengths.push(keys.len());
            self.evidence.add(from, &keys, right);
        }
    }

    /// A draw that was lost or that nobody could judge: it tells nothing and is paid for.
    pub(super) fn saw_nothing(&mut self) {
        self.unjudged += 1;
    }

    /// A supplied solution, judged wrong.
    pub(super) fn saw_supplied(&mut self, keys: &[u128]) {
        self.lengths.push(keys.len());
        self.evidence.add_supplied(keys);
    }

    /// Brings the posterior of a search up to date.
    pub(super) fn update(&mut self, hunt: &Hunt) {
        let solution = hunt.solution_key();
        let steps = *self.steps.get_or_insert_with(|| median(&self.lengths));
        let (evidence, weights) = (&self.evidence, &self.weights);
        let cache = self.cache.get_or_insert_with(|| {
            let posterior = Posterior::new(&Model::new(steps), evidence, weights, solution);
            Cache { posterior, taken: 0 }
        });
        for seen in &self.pending[cache.taken..] {
            let Some(posterior) = &mut cache.posterior else { break };
            let cut = evidence.depth(seen.from);
            let followed = evidence.followed(solution, seen.from, &seen.keys);
            if followed > cut {
                // What was supposed left the solution at once.
                self.supposed.clear();
            }
            if !posterior.observe(cut, followed, seen.right) {
                cache.posterior = None;
            }
        }
        cache.taken = self.pending.len();
    }

    /// What the strategy may look at; `None` if nothing the model knows explains what was seen.
    pub(super) fn belief(&self, config: &Config, hunt: &Hunt, tree: &Tree) -> Option<Belief<'_>> {
        let posterior = self.cache.as_ref()?.posterior.as_ref()?;
        let made = self.unjudged + u32::try_from(self.pending.len()).expect("draws fit the rollout budget");
        let fresh = fresh_belief(config, posterior, hunt, tree);
        Some(Belief { left: fresh.left.saturating_sub(made), ..fresh })
    }

    /// The posterior that a search would start from now; `None` as for `belief`.
    pub(super) fn posterior_of(&self, hunt: &Hunt) -> Option<Posterior> {
        let steps = self.steps.unwrap_or_else(|| median(&self.lengths));
        Posterior::new(&Model::new(steps), &self.evidence, &self.weights, hunt.solution_key())
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

    /// Draws nobody could judge count against the search under way alone.
    pub(super) fn forget_unjudged(&mut self) {
        self.unjudged = 0;
    }

    fn typical_steps(&self) -> usize {
        self.steps.unwrap_or_else(|| median(&self.lengths))
    }

    /// Writes on the states along the searched solution what is sure enough of them, and gives those that are right.
    pub(super) fn label(&self, config: &Config, hunt: &Hunt, tree: &mut Tree) -> Vec<NodeId> {
        let Some(belief) = self.belief(config, hunt, tree) else { return Vec::new() };
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
    pub(super) fn report(&self) -> Vec<f64> {
        let posterior = self.cache.as_ref().and_then(|cache| cache.posterior.as_ref());
        posterior.map(|one| one.error_at().iter().copied().map(rounded).collect()).unwrap_or_default()
    }

    /// Ends the search under way: what it saw becomes evidence for the next.
    pub(super) fn close(&mut self) {
        for Seen { from, keys, right } in std::mem::take(&mut self.pending) {
            self.evidence.add(from, &keys, right);
        }
        self.unjudged = 0;
        self.cache = None;
        self.supposed.clear();
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
