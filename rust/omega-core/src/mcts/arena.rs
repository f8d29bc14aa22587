//! Where nodes and their children are kept: two arenas of fixed-size pieces, 16 bytes a child and 32 a node.

/// Children of a node are kept in groups of this many.
pub(super) const LANES: usize = 8;
/// Marks a child that has no node yet; the rest of the word is the step's id.
pub(super) const STEP: u32 = 1 << 31;
/// No node, no group.
pub(super) const NONE: u32 = u32::MAX;
/// Q of a child that must not be chosen: beyond the last, lost, or not opened yet.
pub(super) const CLOSED: f32 = f32::NEG_INFINITY;

/// Eight children side by side, in the order a vector unit loads them.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Group {
    /// Visits, those in flight included.
    pub(super) n: [u32; LANES],
    /// What the back-up rule makes of the values so far; NaN before the first.
    pub(super) q: [f32; LANES],
    pub(super) p: [f32; LANES],
    /// The child's node, or the id of its step under [`STEP`].
    pub(super) child: [u32; LANES],
}

impl Group {
    pub(super) const EMPTY: Self =
        Self { n: [0; LANES], q: [CLOSED; LANES], p: [0.0; LANES], child: [STEP; LANES] };
}

/// A state of the search that was visited, or is being evaluated.
#[derive(Clone, Debug)]
#[repr(C, align(32))]
pub(super) struct Node {
    /// Sum, best or worst of the values so far, as the back-up rule says.
    pub(super) gathered: f64,
    /// Values so far.
    pub(super) done: u32,
    /// The first of its groups; the bits of its value if it is terminal.
    pub(super) groups: u32,
    pub(super) parent: u32,
    /// The step that leads here.
    pub(super) step: u32,
    /// Its place among its parent's children.
    pub(super) slot: u16,
    /// Children it has.
    pub(super) children: u16,
    /// Children that may be chosen.
    pub(super) open: u16,
    pub(super) flags: u16,
}

/// Bits of [`Node::flags`].
pub(super) mod flag {
    /// Its evaluation is in flight.
    pub(in super::super) const PENDING: u16 = 1;
    /// Nothing follows it.
    pub(in super::super) const TERMINAL: u16 = 2;
    /// No more steps can be had.
    pub(in super::super) const EXHAUSTED: u16 = 4;
    /// More steps were asked for.
    pub(in super::super) const WIDENING: u16 = 8;
    /// It is at the greatest depth.
    pub(in super::super) const DEEPEST: u16 = 16;
    /// It is at the root, or was.
    pub(in super::super) const FREE: u16 = 32;
}

impl Node {
    pub(super) fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// The nodes of one tree. What is given back is used again, so a node keeps its number while it lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Arena {
    pub(super) nodes: Vec<Node>,
    pub(super) groups: Vec<Group>,
    /// Verdicts on the steps that lead to the nodes, where the back-up rule uses them.
    pub(super) verdicts: Vec<f32>,
    free_nodes: Vec<u32>,
    /// Runs of groups by length - 1.
    free_groups: Vec<Vec<u32>>,
}

impl Arena {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.groups.clear();
        self.verdicts.clear();
        self.free_nodes.clear();
        self.free_groups.clear();
    }

    pub(super) fn reserve(&mut self, nodes: usize, children: usize) {
        self.nodes.reserve(nodes);
        self.groups.reserve(nodes.saturating_mul(children.div_ceil(LANES)));
    }

    pub(super) fn add_node(&mut self, parent: u32, slot: u16, step: u32, flags: u16) -> u32 {
        let node = Node {
            gathered: 0.0,
            done: 0,
            groups: NONE,
            parent,
            step,
            slot,
            children: 0,
            open: 0,
            flags: flags | flag::PENDING,
        };
        if let Some(id) = self.free_nodes.pop() {
            self.nodes[id as usize] = node;
            return id;
        }
        let id = u32::try_from(self.nodes.len()).ok().filter(|&id| id < STEP).expect("fewer than 2^31 nodes");
        self.nodes.push(node);
        id
    }

    pub(super) fn free_node(&mut self, id: u32) {
        let node = &mut self.nodes[id as usize];
        node.flags = flag::FREE;
        let (first, children) = (node.groups, std::mem::take(&mut node.children));
        if children > 0 {
            self.free_run(first, usize::from(children).div_ceil(LANES));
        }
        self.free_nodes.push(id);
    }

    /// A run of groups: what `whole` gives, then `last`.
    pub(super) fn add_groups(
        &mut self,
        whole: impl ExactSizeIterator<Item = Group>,
        last: Option<Group>,
    ) -> u32 {
        let length = whole.len() + usize::from(last.is_some());
        if let Some(first) = self.free_groups.get_mut(length - 1).and_then(Vec::pop) {
            let run = &mut self.groups[first as usize..][..length];
            run.iter_mut().zip(whole.chain(last)).for_each(|(place, group)| *place = group);
            return first;
        }
        let first = u32::try_from(self.groups.len()).expect("fewer than 2^32 groups of children");
        self.groups.extend(whole);
        self.groups.extend(last);
        first
    }

    /// Room for more children of a node; those it has keep their places.
    pub(super) fn grow(&mut self, id: u32, children: usize) {
        let node = &self.nodes[id as usize];
        let (first, have) = (node.groups, usize::from(node.children).div_ceil(LANES));
        let length = children.div_ceil(LANES);
        if have == length {
            return;
        }
        let new = self.add_groups(std::iter::repeat_n(Group::EMPTY, length), None);
        if have > 0 {
            for at in 0..have {
                self.groups[new as usize + at] = self.groups[first as usize + at].clone();
            }
            self.free_run(first, have);
        }
        self.nodes[id as usize].groups = new;
    }

    pub(super) fn groups_of(&self, node: &Node) -> &[Group] {
        if node.children == 0 {
            return &[];
        }
        &self.groups[node.groups as usize..][..usize::from(node.children).div_ceil(LANES)]
    }

    /// The group of a child, and its lane there.
    pub(super) fn lane(&mut self, parent: u32, slot: u16) -> (&mut Group, usize) {
        let first = self.nodes[parent as usize].groups as usize;
        (&mut self.groups[first + usize::from(slot) / LANES], usize::from(slot) % LANES)
    }

    /// Bytes in use, free pieces included.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.groups) + size_of_val(&*self.verdicts)
    }

    fn free_run(&mut self, first: u32, length: usize) {
        if self.free_groups.len() < length {
            self.free_groups.resize(length, Vec::new());
        }
        self.free_groups[length - 1].push(first);
    }
}
