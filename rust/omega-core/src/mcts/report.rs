//! What a tree search found.

use super::arena::{CLOSED, LANES, NONE, Node, STEP, flag};
use super::config::Backup;
use super::tree::Tree;
use crate::ids::NodeId;

/// A child of a node, as the search knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Child {
    /// The driver's number of the step.
    pub step: u32,
    /// Its node, if it was visited or is being evaluated.
    pub node: Option<NodeId>,
    /// Visits, those in flight included.
    pub visits: u32,
    /// Values so far.
    pub values: u32,
    /// What the back-up rule makes of them; `None` before the first.
    pub q: Option<f32>,
    /// P.
    pub prior: f32,
    /// Whether it may be chosen.
    pub open: bool,
}

/// What makes one child better than another, when the search is asked for its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Most values, then the highest Q.
    #[default]
    Visits,
    /// The highest Q, then most values.
    Value,
}

impl Tree {
    /// The root, once its evaluation was asked for.
    pub fn root(&self) -> Option<NodeId> {
        (self.root != NONE).then_some(NodeId(self.root))
    }

    /// Values gathered at the root: simulations made.
    pub fn simulations(&self) -> u32 {
        if self.root == NONE { 0 } else { self.arena.nodes[self.root as usize].done }
    }

    /// The steps from the root to a node. Empty for the root, and for a node that is not in the tree.
    pub fn path(&self, node: NodeId) -> Vec<u32> {
        let mut steps = Vec::new();
        let mut at = self.node(node);
        while let Some(node) = at.filter(|node| node.parent != NONE) {
            steps.push(node.step);
            at = self.node(NodeId(node.parent));
        }
        steps.reverse();
        steps
    }

    /// The parent of a node; `None` for the root and for a node that is not in the tree.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.node(node).filter(|node| node.parent != NONE).map(|node| NodeId(node.parent))
    }

    /// The children of a node, in the order of their slots; none for a node that is not in the tree.
    pub fn children(&self, node: NodeId) -> Vec<Child> {
        let Some(node) = self.node(node) else { return Vec::new() };
        let groups = self.arena.groups_of(node);
        (0..usize::from(node.children))
            .map(|slot| {
                let (group, lane) = (&groups[slot / LANES], slot % LANES);
                let below = Some(group.child[lane]).filter(|child| child & STEP == 0);
                let known = below.map(|child| &self.arena.nodes[child as usize]);
                let q = group.q[lane];
                Child {
                    step: known.map_or(group.child[lane] & !STEP, |node| node.step),
                    node: below.map(NodeId),
                    visits: group.n[lane],
                    values: known.map_or(0, |node| node.done),
                    q: (!q.is_nan() && q > CLOSED).then_some(q),
                    prior: group.p[lane],
                    open: q.is_nan() || q > CLOSED,
                }
            })
            .collect()
    }

    /// Whether a node was said to be finished.
    pub fn is_terminal(&self, node: NodeId) -> bool {
        self.node(node).is_some_and(|node| node.is(flag::TERMINAL))
    }

    /// What the back-up rule makes of the root's values; `None` before the first.
    pub fn root_value(&self) -> Option<f32> {
        (self.simulations() > 0).then(|| self.q(self.root))
    }

    /// The steps of the best line: from the root, the best child with a value at each node; ties go to the lower slot.
    pub fn best_line(&self, by: By) -> Vec<u32> {
        let mut line = Vec::new();
        let mut at = self.root();
        while let Some(node) = at {
            let valued = self.children(node).into_iter().filter_map(|child| Some((child.q?, child)));
            let best = valued.reduce(|best, next| {
                let by_value = next.0.total_cmp(&best.0);
                let by_visits = next.1.values.cmp(&best.1.values);
                let order = match by {
                    By::Visits => by_visits.then(by_value),
                    By::Value => by_value.then(by_visits),
                };
                if order.is_gt() { next } else { best }
            });
            let Some((_, child)) = best else { break };
            line.push(child.step);
            at = child.node;
        }
        line
    }

    /// Every finished node with its value, in the order of node numbers.
    pub fn finished(&self) -> Vec<(NodeId, f32)> {
        let ids = (0..).zip(&self.arena.nodes);
        ids.filter(|(_, node)| !node.is(flag::FREE) && node.is(flag::TERMINAL))
            .map(|(id, node)| (NodeId(id), f32::from_bits(node.groups)))
            .collect()
    }

    /// Bytes of the tree's nodes and children, free ones included.
    pub fn bytes(&self) -> usize {
        self.arena.bytes()
    }

    /// Nodes visited or being evaluated.
    pub fn nodes(&self) -> usize {
        self.arena.nodes.iter().filter(|node| !node.is(flag::FREE)).count()
    }

    /// The value of a simulation that ends at a node which nothing follows.
    pub(super) fn absorbed(&self, node: u32) -> f32 {
        let known = &self.arena.nodes[node as usize];
        if known.children == 0 { f32::from_bits(known.groups) } else { self.q(node) }
    }

    /// What the back-up rule makes of a node's values.
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    pub(super) fn q(&self, node: u32) -> f32 {
        let node = &self.arena.nodes[node as usize];
        match self.rules.config.backup {
            Backup::Max | Backup::Min => node.gathered as f32,
            Backup::Mean | Backup::Fused { .. } => (node.gathered / f64::from(node.done)) as f32,
        }
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.arena.nodes.get(id.index()).filter(|node| !node.is(flag::FREE))
    }
}
