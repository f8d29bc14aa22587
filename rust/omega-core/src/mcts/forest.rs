//! Many trees at once, whose descents go in step so that the memory of one is fetched while another chooses.

use super::descent::Cursor;
use super::request::{Answer, Request};
use super::rules::Rules;
use super::tree::Tree;
use super::{Config, hardware};
use crate::error::Error;
use crate::ids::{QuestionId, RequestId};
use std::collections::VecDeque;
use std::sync::Arc;

/// Trees in step; enough to hide the latency of memory, few enough to stay in the cache.
const WAVE: usize = 32;

/// Many trees under one configuration; see [the module](super) for the contract.
///
/// A tree decides as it would alone: the others change how long it takes, and nothing else.
#[derive(Clone, Debug)]
pub struct Forest {
    rules: Arc<Rules>,
    // Boxed, so that a retired tree leaves no more than a word.
    trees: Vec<Option<Box<Tree>>>,
    /// Requests to hand out, taken from the trees while these are at hand.
    ready: VecDeque<Request>,
    reserve: (usize, usize),
}

impl Forest {
    /// No trees. Fails on a configuration that cannot work.
    pub fn new(config: Config) -> Result<Self, Error> {
        let rules = Arc::new(Rules::new(config)?);
        Ok(Self { rules, trees: Vec::new(), ready: VecDeque::new(), reserve: (0, 0) })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.rules.config
    }

    /// Makes room in every tree added from now on for so many nodes with so many children each.
    pub fn reserve(&mut self, nodes: usize, children: usize) {
        self.reserve = (nodes, children);
    }

    /// A new tree; its requests carry the number as their question.
    pub fn add_tree(&mut self) -> QuestionId {
        let id = QuestionId::of(self.trees.len());
        let mut tree = Box::new(Tree::with(Arc::clone(&self.rules), id));
        tree.reserve(self.reserve.0, self.reserve.1);
        self.ready.extend(std::iter::from_fn(|| tree.poll_request()));
        self.trees.push(Some(tree));
        id
    }

    /// A tree that was added and not retired.
    pub fn tree(&self, id: QuestionId) -> Result<&Tree, Error> {
        self.trees.get(id.index()).and_then(Option::as_deref).ok_or(Error::NotOpen(id))
    }

    /// Forgets a tree, and gives it.
    pub fn retire(&mut self, id: QuestionId) -> Result<Tree, Error> {
        let tree = self.trees.get_mut(id.index()).and_then(Option::take).ok_or(Error::NotOpen(id))?;
        self.ready.retain(|request| request.id.question != id);
        Ok(*tree)
    }

    /// [`Tree::restart`] for every tree.
    pub fn restart(&mut self) {
        self.ready.clear();
        for tree in self.trees.iter_mut().flatten() {
            tree.restart();
            self.ready.extend(std::iter::from_fn(|| tree.poll_request()));
        }
    }

    /// [`Tree::advance`] for one tree.
    pub fn advance(&mut self, id: QuestionId, step: u32) -> Result<bool, Error> {
        let tree = self.trees.get_mut(id.index()).and_then(Option::as_mut).ok_or(Error::NotOpen(id))?;
        let kept = tree.advance(step);
        self.ready.retain(|request| request.id.question != id || !tree.forget(request.id.sequence));
        self.ready.extend(std::iter::from_fn(|| tree.poll_request()));
        Ok(kept)
    }

    /// At most `max` requests, appended to `out`.
    pub fn poll_requests(&mut self, max: usize, out: &mut Vec<Request>) {
        out.extend(self.ready.drain(..max.min(self.ready.len())));
    }

    /// Requests handed out that can no longer matter.
    pub fn poll_cancels(&mut self) -> Vec<RequestId> {
        self.trees.iter_mut().flatten().flat_map(|tree| tree.poll_cancels()).collect()
    }

    /// Takes answers, in any order and any subset. On an error, the answers before the faulty one are taken.
    pub fn handle_responses(&mut self, answers: &[(RequestId, Answer<'_>)]) -> Result<(), Error> {
        answers.chunks(WAVE).try_for_each(|wave| self.handle_wave(wave))
    }

    /// Whether no tree has anything left to do.
    pub fn is_done(&self) -> bool {
        self.trees.iter().flatten().all(|tree| tree.is_done())
    }

    fn handle_wave(&mut self, wave: &[(RequestId, Answer<'_>)]) -> Result<(), Error> {
        self.prefetch_ways_up(wave);
        let mut outcome = Ok(());
        for &(id, answer) in wave {
            let tree = self.trees.get_mut(id.question.index()).and_then(Option::as_mut);
            outcome = tree.ok_or(Error::NotOpen(id.question)).and_then(|tree| tree.receive(id, answer));
            if outcome.is_err() {
                break;
            }
        }
        self.descend_in_step(wave);
        outcome
    }

    /// Fetches every node and child that the commits of a wave will touch, a level of all trees at a time.
    fn prefetch_ways_up(&self, wave: &[(RequestId, Answer<'_>)]) {
        let trees =
            || wave.iter().map(|(id, _)| self.trees.get(id.question.index()).and_then(Option::as_deref));
        for tree in trees().flatten() {
            hardware::prefetch(std::slice::from_ref(tree), 0, size_of::<Tree>().div_ceil(64));
        }
        let mut going: Vec<(&Tree, u32, u16)> = Vec::with_capacity(WAVE);
        going.extend(trees().flatten().filter_map(|tree| Some((tree, tree.prefetch_oldest()?, 0))));
        while !going.is_empty() {
            going.retain_mut(|(tree, node, slot)| {
                let above = tree.prefetch_parent(*node);
                above.map(|above| (*node, *slot) = above).is_some()
            });
            for (tree, node, slot) in &going {
                tree.prefetch_child(*node, *slot);
            }
        }
    }

    /// The next selection of every tree of a wave, a level of all trees at a time; then whatever more each tree does.
    fn descend_in_step(&mut self, wave: &[(RequestId, Answer<'_>)]) {
        let mut going: Vec<(u32, Cursor)> = Vec::with_capacity(WAVE);
        for (id, _) in wave {
            let Some(Some(tree)) = self.trees.get_mut(id.question.index()) else { continue };
            if tree.unfilled && tree.has_room() {
                tree.unfilled = false;
                match tree.start() {
                    Ok(cursor) => going.push((id.question.0, cursor)),
                    Err(landing) => tree.unfilled = tree.land(landing),
                }
            }
        }
        while !going.is_empty() {
            for (tree, cursor) in &going {
                let tree = self.trees[*tree as usize].as_ref().expect("it descends");
                tree.prefetch_children(cursor.node);
            }
            going.retain_mut(|(tree, cursor)| {
                let tree = self.trees[*tree as usize].as_mut().expect("it descends");
                match tree.step(cursor) {
                    None => tree.prefetch_node(cursor.node),
                    Some(landing) => {
                        tree.unfilled = tree.land(landing);
                        return false;
                    }
                }
                true
            });
        }
        for (id, _) in wave {
            if let Some(Some(tree)) = self.trees.get_mut(id.question.index()) {
                tree.settle();
                self.ready.extend(std::iter::from_fn(|| tree.poll_request()));
            }
        }
    }
}
