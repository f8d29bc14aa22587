//! The way from the root to where a simulation ends, a node at a time, so that many trees can go in step.

use super::arena::{LANES, NONE, STEP, flag};
use super::hardware;
use super::tree::Tree;

/// Where a descent stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    pub(super) node: u32,
    /// Visits of the node, this one included.
    visits: u32,
    /// What the back-up rule makes of its values.
    q: f32,
    depth: u32,
}

/// Where a descent ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Landing {
    /// At a new node.
    Leaf(u32),
    /// At a node that may use more steps than it has.
    Widen(u32),
    /// At a node that nothing follows.
    Absorbed(u32),
    /// At a node that is in flight: the choice waits for what is out.
    Blocked(u32),
}

impl Tree {
    pub(super) fn descend(&mut self) -> Landing {
        match self.start() {
            Ok(mut cursor) => loop {
                if let Some(landing) = self.step(&mut cursor) {
                    return landing;
                }
            },
            Err(landing) => landing,
        }
    }

    /// The root, visited; the landing if it is new.
    pub(super) fn start(&mut self) -> Result<Cursor, Landing> {
        self.root_visits += 1;
        if self.root == NONE {
            self.root = self.arena.add_node(NONE, 0, 0, 0);
            return Err(Landing::Leaf(self.root));
        }
        Ok(Cursor { node: self.root, visits: self.root_visits, q: self.q(self.root), depth: 0 })
    }

    /// One choice; the landing if it leads no further. Without one, the cursor may stay where it is, to choose again.
    #[inline]
    pub(super) fn step(&mut self, cursor: &mut Cursor) -> Option<Landing> {
        let at = cursor.node;
        if self.rules.config.widening.is_some()
            && let Some(landing) = self.open_more(cursor)
        {
            return Some(landing);
        }
        let node = &self.arena.nodes[at as usize];
        if node.children == 0 {
            let waits = node.is(flag::PENDING | flag::WIDENING);
            return Some(if waits { Landing::Blocked(at) } else { Landing::Absorbed(at) });
        }
        let (fresh, in_flight) = self.rules.unvalued(cursor.q);
        let explore = self.rules.explore(cursor.visits);
        let first = node.groups as usize;
        let groups = &mut self.arena.groups[first..][..usize::from(node.children).div_ceil(LANES)];
        let Some(slot) = (self.rules.pick)(groups, explore, fresh, in_flight) else {
            return self.pass_closed(cursor);
        };
        let group = &mut groups[usize::from(slot) / LANES];
        let lane = usize::from(slot) % LANES;
        group.n[lane] += 1;
        let child = group.child[lane];
        cursor.depth += 1;
        if child & STEP == 0 {
            *cursor = Cursor { node: child, visits: group.n[lane], q: group.q[lane], depth: cursor.depth };
            return None;
        }
        let deepest = if cursor.depth == self.rules.config.max_depth { flag::DEEPEST } else { 0 };
        let leaf = self.arena.add_node(at, slot, child & !STEP, deepest);
        let (group, lane) = self.arena.lane(at, slot);
        group.child[lane] = leaf;
        Some(Landing::Leaf(leaf))
    }

    /// What follows when every open child was lost: the next one opens and the choice is made again, or the descent
    /// ends.
    #[cold]
    fn pass_closed(&mut self, cursor: &Cursor) -> Option<Landing> {
        let (at, rule) = (cursor.node, self.rules.config.widening);
        let node = &self.arena.nodes[at as usize];
        if node.open < node.children {
            self.open_until(at, node.open + 1);
            return None;
        }
        let (waits, exhausted) = (node.is(flag::WIDENING), node.is(flag::EXHAUSTED));
        Some(match rule {
            _ if waits => Landing::Blocked(at),
            Some(rule) if rule.propose && !exhausted => Landing::Widen(at),
            _ => Landing::Absorbed(at),
        })
    }

    /// Opens as many children as the widening rule allows; the landing if more would have to be proposed.
    fn open_more(&mut self, cursor: &Cursor) -> Option<Landing> {
        let rule = self.rules.config.widening?;
        let allowed = self.rules.allowed(rule, cursor.visits);
        let node = &self.arena.nodes[cursor.node as usize];
        if node.flags & (flag::PENDING | flag::TERMINAL | flag::DEEPEST) != 0 {
            return None;
        }
        self.open_until(cursor.node, u16::try_from(allowed).unwrap_or(u16::MAX).min(node.children));
        let node = &self.arena.nodes[cursor.node as usize];
        let more = rule.propose
            && u32::from(node.open) < allowed
            && node.flags & (flag::EXHAUSTED | flag::WIDENING) == 0;
        more.then_some(Landing::Widen(cursor.node))
    }

    fn open_until(&mut self, node: u32, until: u16) {
        let open = self.arena.nodes[node as usize].open;
        for slot in open..until {
            let (group, lane) = self.arena.lane(node, slot);
            group.q[lane] = f32::NAN;
        }
        self.arena.nodes[node as usize].open = open.max(until);
    }

    /// Starts to fetch a node.
    pub(super) fn prefetch_node(&self, node: u32) {
        hardware::prefetch(&self.arena.nodes, node as usize, 1);
    }

    /// The parent of a node that should have come, whose own fetch is started, and the place below it.
    pub(super) fn prefetch_parent(&self, node: u32) -> Option<(u32, u16)> {
        let node = &self.arena.nodes[node as usize];
        if node.parent == NONE {
            return None;
        }
        self.prefetch_node(node.parent);
        Some((node.parent, node.slot))
    }

    /// Starts to fetch what a value changes of a child; its parent should have come.
    pub(super) fn prefetch_child(&self, parent: u32, slot: u16) {
        let first = self.arena.nodes[parent as usize].groups as usize;
        hardware::prefetch(&self.arena.groups, first + usize::from(slot) / LANES, 1);
    }

    /// Starts to fetch the children of a node that should have come.
    pub(super) fn prefetch_children(&self, node: u32) {
        let node = &self.arena.nodes[node as usize];
        if node.children > 0 {
            let lines = 2 * usize::from(node.children).div_ceil(LANES);
            hardware::prefetch(&self.arena.groups, node.groups as usize, lines.min(8));
        }
    }
}
