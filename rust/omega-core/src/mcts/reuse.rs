//! Going on with a part of the tree.

use super::arena::{LANES, NONE, STEP};
use super::children;
use super::tree::{State, Tree};

impl Tree {
    /// Makes the root's child by this step the root, and says whether anything of it was known.
    ///
    /// What is below it is kept, with node numbers, visits (which count as simulations) and requests in flight. All
    /// else is forgotten; its requests are cancelled. A step that was never visited starts a new tree.
    pub fn advance(&mut self, step: u32) -> bool {
        let kept = if self.root == NONE { None } else { self.child_by(step) };
        let (new, visits) = kept.unwrap_or((NONE, 0));
        for at in 0..self.pending.len() {
            let pending = &self.pending[at];
            if !matches!(pending.state, State::Dropped) && !self.is_below(pending.node, new) {
                self.drop_pending(at);
            }
        }
        if self.root != NONE {
            self.free_except(self.root, new);
        }
        self.root = new;
        self.root_visits = visits;
        if new != NONE {
            self.arena.nodes[new as usize].parent = NONE;
        }
        self.revive();
        new != NONE
    }

    fn child_by(&self, step: u32) -> Option<(u32, u32)> {
        let slot = usize::from(children::find(&self.arena, self.root, step)?);
        let group = &self.arena.groups_of(&self.arena.nodes[self.root as usize])[slot / LANES];
        let child = group.child[slot % LANES];
        (child & STEP == 0).then_some((child, group.n[slot % LANES]))
    }

    fn is_below(&self, node: u32, top: u32) -> bool {
        let mut at = node;
        while at != NONE && at != top {
            at = self.arena.nodes[at as usize].parent;
        }
        at != NONE
    }

    fn free_except(&mut self, top: u32, kept: u32) {
        let mut stack = vec![top];
        while let Some(id) = stack.pop() {
            let node = &self.arena.nodes[id as usize];
            let below = self.arena.groups_of(node).iter().flat_map(|group| group.child);
            stack.extend(below.filter(|&child| child & STEP == 0 && child != kept));
            self.arena.free_node(id);
        }
    }
}
