//! One search problem for every implementation: B steps everywhere, equal priors, a null evaluator whose value is a hash
//! of the state in [-1, 1), Q of an unvisited child 0, c 1.25.

pub mod forest;
pub mod ours;
pub mod simple;
pub mod treant_crate;
#[cfg(has_tree2)]
pub mod tree2;

/// A mixer of bits.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the null evaluator must cost every implementation the same")]
pub(crate) fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The state after a step.
#[inline]
pub(crate) fn after(state: u64, step: u32) -> u64 {
    mix(state.wrapping_add(u64::from(step) + 1))
}

/// The value of a state.
#[inline]
pub(crate) fn value(state: u64) -> f32 {
    (mix(state ^ 0x9e37) >> 40) as f32 * (1.0 / 8_388_608.0) - 1.0
}
