//! How steps become children: merged where equal, likeliest first where a node widens.

use super::arena::{Arena, Group, LANES, STEP};
use super::config::Config;
use super::request::Steps;

/// Adds the steps to a node and says how many of them were new.
pub(super) fn add(arena: &mut Arena, config: &Config, node: u32, steps: Steps<'_>) -> usize {
    let len = steps.len();
    if len == 0 {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few steps")]
    let equal_share = 1.0 / len as f32;
    let have = usize::from(arena.nodes[node as usize].children);
    let distinct = !config.merge || increase(steps.ids);
    if have == 0 && distinct && config.widening.is_none() {
        add_all(arena, node, steps, equal_share, len);
        return len;
    }
    let implied = 0..u32::try_from(len).expect("checked when the answer came");
    let prior = |at: usize| steps.priors.get(at).copied().unwrap_or(equal_share);
    let ids =
        (0..len).zip(implied).map(|(at, implied)| (steps.ids.get(at).copied().unwrap_or(implied), prior(at)));
    let mut new: Vec<(u32, f32)> = Vec::with_capacity(len);
    for (id, prior) in ids {
        let known = if config.merge { new.iter_mut().find(|(known, _)| *known == id) } else { None };
        match known {
            Some((_, sum)) => *sum += prior,
            None if config.merge && merge(arena, node, id, prior) => {}
            None => new.push((id, prior)),
        }
    }
    if config.widening.is_some() {
        new.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    append(arena, node, &new, config.widening.is_none());
    new.len()
}

/// The common case: first children, all open, in the order given.
fn add_all(arena: &mut Arena, node: u32, steps: Steps<'_>, equal_share: f32, len: usize) {
    let (implied, equal): (Vec<u32>, Vec<f32>);
    let (mut ids, mut priors) = (steps.ids, steps.priors);
    if ids.is_empty() {
        implied = (0..len).map(index).collect();
        ids = &implied;
    }
    if priors.is_empty() {
        equal = vec![equal_share; len];
        priors = &equal;
    }
    let ((ids, ids_left), (priors, priors_left)) = (ids.as_chunks(), priors.as_chunks());
    let whole = ids.iter().zip(priors).map(|(ids, &p)| Group {
        n: [0; LANES],
        q: [f32::NAN; LANES],
        p,
        child: ids.map(|id| id | STEP),
    });
    let last = (!ids_left.is_empty()).then(|| {
        let mut last = Group::EMPTY;
        last.q[..ids_left.len()].fill(f32::NAN);
        last.p[..ids_left.len()].copy_from_slice(priors_left);
        last.child.iter_mut().zip(ids_left).for_each(|(child, id)| *child = id | STEP);
        last
    });
    let first = arena.add_groups(whole, last);
    let node = &mut arena.nodes[node as usize];
    node.groups = first;
    node.children = short(len);
    node.open = node.children;
}

fn append(arena: &mut Arena, node: u32, new: &[(u32, f32)], open: bool) {
    let have = usize::from(arena.nodes[node as usize].children);
    let len = have + new.len();
    if new.is_empty() {
        return;
    }
    arena.grow(node, len);
    for (slot, &(id, prior)) in (have..).zip(new) {
        let (group, lane) = arena.lane(node, short(slot));
        group.p[lane] = prior;
        group.child[lane] = id | STEP;
        if open {
            group.q[lane] = f32::NAN;
        }
    }
    let node = &mut arena.nodes[node as usize];
    node.children = short(len);
    if open {
        node.open = node.children;
    }
}

/// Adds the prior to the child that is this step, if there is one.
fn merge(arena: &mut Arena, node: u32, id: u32, prior: f32) -> bool {
    let Some(slot) = find(arena, node, id) else { return false };
    let (group, lane) = arena.lane(node, slot);
    group.p[lane] += prior;
    true
}

/// The slot of a step below a node.
pub(super) fn find(arena: &Arena, node: u32, id: u32) -> Option<u16> {
    let children = arena.nodes[node as usize].children;
    let groups = arena.groups_of(&arena.nodes[node as usize]);
    (0..children).find(|&slot| {
        let child = groups[usize::from(slot) / LANES].child[usize::from(slot) % LANES];
        let step = if child & STEP == 0 { arena.nodes[child as usize].step } else { child & !STEP };
        step == id
    })
}

/// Whether every id is greater than the one before it. A fold, not `all`: without a way out it becomes vector code.
fn increase(ids: &[u32]) -> bool {
    let after = ids.get(1..).unwrap_or_default();
    ids.iter().zip(after).fold(true, |so_far, (a, b)| so_far & (a.cast_signed() < b.cast_signed()))
}

fn short(len: usize) -> u16 {
    u16::try_from(len).expect("checked when the answer came")
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("checked when the answer came")
}
