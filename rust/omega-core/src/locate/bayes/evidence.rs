//! What the continuations of one question showed: every one a path through the tree of its steps.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Right and wrong outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) right: u32,
    pub(super) wrong: u32,
}

impl Tally {
    fn add(&mut self, right: bool) {
        if right {
            self.right += 1;
        } else {
            self.wrong += 1;
        }
    }

    pub(super) fn total(self) -> u32 {
        self.right + self.wrong
    }
}

/// A prefix, and what was seen of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) parent: Option<usize>,
    pub(super) depth: usize,
    pub(super) children: Vec<usize>,
    /// Continuations launched above that went through here.
    pub(super) passed: Tally,
    /// Continuations launched here or below, by their distance.
    pub(super) below: Vec<Tally>,
    /// Continuations launched here that have no text.
    pub(super) silent: Tally,
    /// Whether the prefix is a complete solution, and right.
    pub(super) end: Option<bool>,
}

impl Place {
    /// How many continuations took the step that leads here.
    pub(super) fn takers(&self) -> i32 {
        i32::try_from(self.passed.total()).unwrap_or(i32::MAX)
    }
}

/// The tree of all continuations of a question. Prefixes are named by 128-bit keys; 0 is the root's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    places: Vec<Place>,
    by_key: BTreeMap<u128, usize>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { places: vec![Place::default()], by_key: BTreeMap::new() }
    }
}

impl Evidence {
    /// Adds a judged continuation of the prefix `from` (`None`: the root), given the keys of the prefixes it goes
    /// through, the complete solution's last. An unfinished text needs a key for the step it never took.
    pub fn add(&mut self, from: Option<u128>, keys: &[u128], right: bool) {
        let launched = self.find(from);
        let (mut at, mut distance) = (Some(launched), 0);
        while let Some(place) = at {
            let below = &mut self.places[place].below;
            below.resize(below.len().max(distance + 1), Tally::default());
            below[distance].add(right);
            distance += 1;
            at = self.places[place].parent;
        }
        let end = self.walk(launched, keys, |place| place.passed.add(right));
        if keys.is_empty() {
            self.places[end].silent.add(right);
        } else {
            self.places[end].end = Some(right && self.places[end].end != Some(false));
        }
    }

    /// Adds a solution from elsewhere, judged wrong: it says where steps may err, not how often the policy does.
    pub fn add_supplied(&mut self, keys: &[u128]) {
        let end = self.walk(0, keys, |place| place.passed.add(false));
        self.places[end].end = Some(false);
    }

    fn walk(&mut self, from: usize, keys: &[u128], mut visit: impl FnMut(&mut Place)) -> usize {
        let mut at = from;
        for &key in keys {
            let depth = self.places[at].depth + 1;
            let next = match self.by_key.get(&key) {
                Some(&known) => known,
                None => self.grow(at, key, depth),
            };
            at = next;
            visit(&mut self.places[at]);
        }
        at
    }

    fn grow(&mut self, parent: usize, key: u128, depth: usize) -> usize {
        let id = self.places.len();
        self.places.push(Place { parent: Some(parent), depth, ..Place::default() });
        self.places[parent].children.push(id);
        self.by_key.insert(key, id);
        id
    }

    pub(super) fn place(&self, id: usize) -> &Place {
        &self.places[id]
    }

    /// The places from the root to a prefix.
    pub(super) fn path(&self, key: u128) -> Vec<usize> {
        let last = self.by_key.get(&key).copied();
        let mut path: Vec<usize> = std::iter::successors(last, |&at| self.places[at].parent).collect();
        path.reverse();
        path
    }

    /// A prefix that was never met counts as the root.
    fn find(&self, key: Option<u128>) -> usize {
        key.and_then(|key| self.by_key.get(&key)).copied().unwrap_or(0)
    }

    /// How many steps of the solution `key` a continuation of its prefix `from` shares, those of `from` included; 0 if
    /// `from` is no prefix of that.
    pub fn followed(&self, key: u128, from: Option<u128>, keys: &[u128]) -> usize {
        self.shared(key, from, keys).map_or(0, |(_, followed)| followed)
    }

    /// The steps of `from`, and how many of the solution `key` a continuation of `from` shares; `None` if `from` is no
    /// prefix of that.
    pub(crate) fn shared(&self, key: u128, from: Option<u128>, keys: &[u128]) -> Option<(usize, usize)> {
        let (path, from) = (self.path(key), self.find(from));
        let start = self.places[from].depth;
        let same = |(key, place): &(&u128, &usize)| self.by_key.get(key) == Some(place);
        (path.get(start) == Some(&from))
            .then(|| (start, start + keys.iter().zip(path.iter().skip(start + 1)).take_while(same).count()))
    }
}
