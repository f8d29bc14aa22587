//! The hunt for the first error of one rollout: its cuts, the states at them, and what was probed.

use crate::ids::{NodeId, RolloutId};
use crate::key::{KeyBuilder, StateKey};
use crate::rollout::Rollout;
use crate::stats::Estimate;
use crate::text::Arena;
use crate::tree::{TokenPath, Tree};
use serde::{Deserialize, Serialize};

/// One search under way. Cut 0 is the launching state; cut c the state after c steps of the rollout.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hunt {
    pub(crate) rollout: RolloutId,
    pub(crate) launched: NodeId,
    pub(crate) probes: Vec<NodeId>,
    /// Draws committed for it.
    pub(super) made: u32,
    /// The place of its record.
    pub(super) search: u32,
    /// Ends of the steps in the rollout's text; entry c - 1 belongs to cut c.
    cuts: Vec<u32>,
    /// The state at each cut from 1 on, the complete text included.
    keys: Vec<StateKey>,
    /// Whether the rollout comes to an answer, so that its last cut is an end and cannot be continued.
    finished: bool,
}

impl Hunt {
    pub(crate) fn new(id: RolloutId, rollout: &Rollout, cuts: Vec<u32>, tree: &Tree, arena: &Arena) -> Self {
        let mut hash = KeyBuilder::new();
        hash.push(&tree.prefix(arena, rollout.node));
        let mut start = 0;
        let keys = cuts
            .iter()
            .map(|&cut| {
                hash.push(arena.text(rollout.text.part(std::mem::replace(&mut start, cut)..cut)));
                hash.key()
            })
            .collect();
        Self {
            rollout: id,
            launched: rollout.node,
            probes: Vec::new(),
            made: 0,
            search: 0,
            cuts,
            keys,
            finished: rollout.verdict.is_finished(),
        }
    }

    pub(crate) fn steps(&self) -> usize {
        self.cuts.len()
    }

    /// The key of the complete solution; where it stopped before its answer, that of a step it never took.
    pub(crate) fn solution_key(&self) -> u128 {
        self.evidence_keys().last().copied().unwrap_or_default()
    }

    /// The keys of the prefixes the rollout goes through, for the evidence.
    pub(crate) fn evidence_keys(&self) -> Vec<u128> {
        let mut keys: Vec<u128> = self.keys.iter().map(|key| key.0).collect();
        if !self.finished {
            // Another hash altogether for all we know, and always the same.
            keys.extend(self.keys.last().map(|key| !key.0));
        }
        keys
    }

    /// The first cut known to be wrong: the complete solution, or one past it where the error is to have stopped.
    fn end(&self) -> usize {
        if self.finished { self.steps() } else { self.steps() + 1 }
    }

    /// Estimates at cuts 0 to `end - 1`, for the strategy.
    pub(crate) fn estimates(&self, tree: &Tree) -> Vec<Estimate> {
        (0..self.end())
            .map(|cut| self.known(cut, tree).map(|node| tree.node(node).estimate).unwrap_or_default())
            .collect()
    }

    /// The state at a cut, if it was made.
    pub(crate) fn known(&self, cut: usize, tree: &Tree) -> Option<NodeId> {
        if cut == 0 { Some(self.launched) } else { tree.find(self.keys[cut - 1]) }
    }

    /// The key of the state at a cut, made or not.
    pub(crate) fn key(&self, cut: usize, tree: &Tree) -> StateKey {
        if cut == 0 { tree.node(self.launched).key } else { self.keys[cut - 1] }
    }

    /// The prefix at a cut and the ids it was generated as, without making its state; what `node_at` would give.
    pub(crate) fn prefix_at(
        &self,
        cut: usize,
        rollout: &Rollout,
        tree: &Tree,
        arena: &Arena,
    ) -> (String, Option<Vec<u32>>) {
        if let Some(node) = self.known(cut, tree) {
            return (tree.prefix(arena, node), tree.prefix_tokens(arena, node));
        }
        let end = self.cuts[cut - 1];
        let text = tree.prefix(arena, self.launched) + arena.text(rollout.text.part(0..end));
        let tail = rollout.tokens.and_then(|all| arena.tokens_up_to(all, end));
        let tokens = tail.and_then(|tail| {
            let mut tokens = tree.prefix_tokens(arena, self.launched)?;
            tokens.extend_from_slice(arena.tokens(tail));
            Some(tokens)
        });
        (text, tokens)
    }

    /// The state at a cut, with all states before it, made if new.
    pub(crate) fn node_at(&self, cut: usize, rollout: &Rollout, tree: &mut Tree, arena: &Arena) -> NodeId {
        let base_has_tokens = tree.node(self.launched).tokens.is_some();
        let mut at = self.launched;
        let mut start = 0;
        for (&end, &key) in self.cuts.iter().zip(&self.keys).take(cut) {
            let step = rollout.text.part(std::mem::replace(&mut start, end)..end);
            let tail =
                rollout.tokens.filter(|_| base_has_tokens).and_then(|all| arena.tokens_up_to(all, end));
            at = tree.child(at, key, step, tail.map(|tail| TokenPath { base: Some(self.launched), tail }));
        }
        at
    }
}
