//! The state-action tree of one question: one node for every distinct prefix.

use crate::ids::NodeId;
use crate::key::StateKey;
use crate::stats::{Estimate, Value};
use crate::text::{Arena, Span, TokenSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A state, and the step that led to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) parent: Option<NodeId>,
    pub(crate) depth: u32,
    pub(crate) step: Span,
    pub(crate) key: StateKey,
    pub(crate) tokens: Option<TokenPath>,
    pub(crate) estimate: Estimate,
    /// From draws of a number fixed beforehand, made for a soft label alone; apart from the estimate above.
    pub(crate) soft: Estimate,
    /// What a posterior makes of V here.
    pub(crate) value: Option<Value>,
    /// N(s): how often a rollout launched here was selected for a search.
    pub(crate) visits: u32,
    pub(crate) mark: StepMark,
    /// How sure a posterior is of its mark.
    pub(crate) confidence: Option<f64>,
}

/// The ids a prefix was generated as: those of `base`, then `tail`. `base` is an ancestor, or none at the root.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct TokenPath {
    pub(crate) base: Option<NodeId>,
    pub(crate) tail: TokenSpan,
}

/// What is known of a step apart from its state's estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StepMark {
    #[default]
    None,
    /// A later prefix of the same solution can still be completed, so this one is right.
    BeforeRightPrefix,
    /// The step is part of a solution whose answer is right.
    BeforeRightAnswer,
    /// The step ends a solution with a wrong answer, and is its first error.
    WrongFinalAnswer,
    /// A posterior takes the prefix for right.
    LikelyRight,
    /// A posterior takes the prefix for wrong.
    LikelyWrong,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    by_key: BTreeMap<StateKey, NodeId>,
}

impl Tree {
    pub(crate) fn new(root: StateKey) -> Self {
        let root_node = Node {
            parent: None,
            depth: 0,
            step: Span::default(),
            key: root,
            tokens: Some(TokenPath { base: None, tail: TokenSpan::default() }),
            estimate: Estimate::default(),
            soft: Estimate::default(),
            value: None,
            visits: 0,
            mark: StepMark::None,
            confidence: None,
        };
        Self { nodes: vec![root_node], by_key: BTreeMap::from([(root, NodeId::ROOT)]) }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    pub(crate) fn nodes(&self) -> impl ExactSizeIterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId::of(index), node))
    }

    pub(crate) fn find(&self, key: StateKey) -> Option<NodeId> {
        self.by_key.get(&key).copied()
    }

    /// The state with this key, made from `step` after `parent` if it is new. The first tokens seen are kept.
    pub(crate) fn child(
        &mut self,
        parent: NodeId,
        key: StateKey,
        step: Span,
        tokens: Option<TokenPath>,
    ) -> NodeId {
        if let Some(known) = self.find(key) {
            return known;
        }
        let id = NodeId::of(self.nodes.len());
        self.nodes.push(Node {
            parent: Some(parent),
            depth: self.node(parent).depth + 1,
            step,
            key,
            tokens,
            estimate: Estimate::default(),
            soft: Estimate::default(),
            value: None,
            visits: 0,
            mark: StepMark::None,
            confidence: None,
        });
        self.by_key.insert(key, id);
        id
    }

    /// The states from the root to `id`, both included.
    pub(crate) fn path(&self, id: NodeId) -> Vec<NodeId> {
        let mut path: Vec<NodeId> = std::iter::successors(Some(id), |&at| self.node(at).parent).collect();
        path.reverse();
        path
    }

    pub(crate) fn prefix(&self, arena: &Arena, id: NodeId) -> String {
        self.path(id).into_iter().map(|at| arena.text(self.node(at).step)).collect()
    }

    /// Whether it is known which ids the prefix was generated as.
    pub(crate) fn has_prefix_tokens(&self, id: NodeId) -> bool {
        let mut at = Some(id);
        while let Some(node) = at {
            let Some(tokens) = self.node(node).tokens else { return false };
            at = tokens.base;
        }
        true
    }

    /// The ids the prefix was generated as; `None` where a cut fell inside a token or there never were any.
    pub(crate) fn prefix_tokens(&self, arena: &Arena, id: NodeId) -> Option<Vec<u32>> {
        let mut tails = Vec::new();
        let mut at = Some(id);
        while let Some(node) = at {
            let tokens = self.node(node).tokens?;
            tails.push(tokens.tail);
            at = tokens.base;
        }
        Some(tails.into_iter().rev().flat_map(|tail| arena.tokens(tail)).copied().collect())
    }
}
