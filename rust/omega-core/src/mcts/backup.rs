//! What a value does on its way from the leaf to the root.

use super::arena::{Arena, NONE};
use super::config::{Backup, Fusion};

/// The verdicts between a node and the leaf below it, gathered from the leaf upwards.
#[derive(Clone, Copy, Debug)]
struct Fold {
    outcome: f64,
    steps: f64,
    /// sum(v(i) (n - i)): a verdict put in front weighs n, the new n, and changes no other's weight.
    weighted: f64,
}

impl Fold {
    fn of(outcome: f64) -> Self {
        Self { outcome, steps: 0.0, weighted: 0.0 }
    }

    fn put_in_front(&mut self, verdict: f64) {
        self.steps += 1.0;
        self.weighted += self.steps * verdict;
    }

    fn value(&self, fusion: Fusion) -> f64 {
        let n = self.steps;
        if n == 0.0 {
            return self.outcome;
        }
        match fusion {
            Fusion::Released => self.weighted / (n * n) + self.outcome / n,
            Fusion::Normalised { outcome } => {
                let share = f64::from(outcome);
                (1.0 - share) * self.weighted / (n * (n + 1.0) / 2.0) + share * self.outcome
            }
        }
    }
}

/// One number from the verdicts on the steps of a path, first step first, and the value of its end.
///
/// For a driver that plays a path to its end outside the tree and gives the leaf the fused value.
pub fn fuse(verdicts: &[f64], outcome: f64, fusion: Fusion) -> f64 {
    let mut fold = Fold::of(outcome);
    verdicts.iter().rev().for_each(|&verdict| fold.put_in_front(verdict));
    fold.value(fusion)
}

/// Adds a leaf's value to the leaf and to every node above it.
pub(super) fn back_up(arena: &mut Arena, rule: Backup, discount: f32, leaf: u32, value: f32) {
    let value = f64::from(value);
    match rule {
        Backup::Mean if discount.to_bits() == 1.0_f32.to_bits() => {
            climb(arena, leaf, |_, gathered, _, _| (gathered + value, true));
        }
        Backup::Mean => {
            let mut faded = Faded::new(value, discount);
            climb(arena, leaf, |_, gathered, _, _| (gathered + faded.next(1.0), true));
        }
        Backup::Max => {
            let mut faded = Faded::new(value, discount);
            climb(arena, leaf, |_, best, done, _| {
                (faded.next(1.0).max(if done == 1 { f64::MIN } else { best }), false)
            });
        }
        Backup::Min => {
            let mut faded = Faded::new(value, discount);
            climb(arena, leaf, |_, worst, done, _| {
                (faded.next(1.0).min(if done == 1 { f64::MAX } else { worst }), false)
            });
        }
        Backup::Fused { fusion } => {
            let (mut fold, mut faded) = (Fold::of(value), Faded::new(1.0, discount));
            climb(arena, leaf, |verdict, gathered, _, is_root| {
                if !is_root {
                    fold.put_in_front(verdict.into());
                }
                (gathered + faded.next(fold.value(fusion)), true)
            });
        }
    }
}

/// A number that loses a factor at each step up.
struct Faded {
    now: f64,
    discount: f64,
}

impl Faded {
    fn new(now: f64, discount: f32) -> Self {
        Self { now, discount: discount.into() }
    }

    fn next(&mut self, times: f64) -> f64 {
        let now = self.now * times;
        self.now *= self.discount;
        now
    }
}

/// Counts a value at every node from the leaf up. `gather(verdict, gathered, done, is_root)` says what a node has
/// gathered now, and whether Q is its mean.
#[inline]
fn climb(arena: &mut Arena, leaf: u32, mut gather: impl FnMut(f32, f64, u32, bool) -> (f64, bool)) {
    let mut at = leaf;
    loop {
        let verdict = arena.verdicts.get(at as usize).copied().unwrap_or_default();
        let node = &mut arena.nodes[at as usize];
        node.done += 1;
        let (gathered, is_mean) = gather(verdict, node.gathered, node.done, node.parent == NONE);
        node.gathered = gathered;
        let q = if is_mean { gathered / f64::from(node.done) } else { gathered };
        let (parent, slot) = (node.parent, node.slot);
        if parent == NONE {
            return;
        }
        let (group, lane) = arena.lane(parent, slot);
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32; the sum keeps its precision")]
        {
            group.q[lane] = q as f32;
        }
        at = parent;
    }
}
