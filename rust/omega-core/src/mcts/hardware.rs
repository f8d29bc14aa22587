//! The only module with `unsafe`: the choice in vector code where the machine has it, and prefetches.
//!
//! Both were measured (docs/log.md). Neither changes a decision: the vector code does the same IEEE operations on the
//! same numbers as [`super::pick`], none of them fused.

#![expect(
    unsafe_code,
    reason = "calls code compiled for a vector unit that was found, loads vectors, prefetches"
)]

use super::arena::Group;
use super::pick::{self, Choice};

pub(super) type Pick = fn(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice;

/// The PUCT choice for this machine.
pub(super) fn puct() -> Pick {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return avx2::puct;
    }
    pick::puct
}

/// The UCT choice for this machine.
pub(super) fn uct() -> Pick {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return avx2::uct;
    }
    pick::uct
}

/// Asks for the first cache lines of a value ahead of their use.
#[inline]
pub(super) fn prefetch<T>(values: &[T], at: usize, lines: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..lines {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = values.as_ptr().wrapping_add(at).cast::<i8>().wrapping_add(64 * line);
        // SAFETY: a prefetch reads nothing and may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at, lines);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Choice, Group};
    use crate::mcts::arena::{CLOSED, LANES};
    use std::arch::x86_64::{
        __m256, __m256i, _CMP_EQ_OQ, _CMP_UNORD_Q, _mm_cvtss_f32, _mm256_add_ps, _mm256_blendv_ps,
        _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cmpeq_epi32, _mm256_cvtepi32_ps,
        _mm256_div_ps, _mm256_load_ps, _mm256_load_si256, _mm256_max_ps, _mm256_movemask_ps, _mm256_mul_ps,
        _mm256_permute_ps, _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_setzero_si256, _mm256_sqrt_ps,
    };

    /// Groups whose scores are kept in registers.
    const AT_ONCE: usize = 4;

    pub(super) fn puct(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
        // SAFETY: handed out only where the unit was found.
        unsafe { best::<true>(groups, explore, fresh, in_flight) }
    }

    pub(super) fn uct(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
        // SAFETY: handed out only where the unit was found.
        unsafe { best::<false>(groups, explore, fresh, in_flight) }
    }

    #[target_feature(enable = "avx2")]
    fn best<const PUCT: bool>(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
        let terms = [explore, fresh, in_flight].map(|term| _mm256_set1_ps(term));
        let (mut top, mut slot, mut from) = (CLOSED, 0, 0);
        for some in groups.chunks(AT_ONCE) {
            let (score, place) = match some {
                [a] => top_of::<PUCT, 1>([a], terms),
                [a, b] => top_of::<PUCT, 2>([a, b], terms),
                [a, b, c] => top_of::<PUCT, 3>([a, b, c], terms),
                [a, b, c, d] => top_of::<PUCT, 4>([a, b, c, d], terms),
                _ => unreachable!("chunks are not empty and not longer than asked for"),
            };
            if score > top {
                (top, slot) = (score, from + place);
            }
            from += u16::try_from(AT_ONCE * LANES).expect("a small constant");
        }
        (top > CLOSED).then_some(slot)
    }

    /// The highest score of a few groups, and the lowest place that has it.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn top_of<const PUCT: bool, const G: usize>(groups: [&Group; G], terms: [__m256; 3]) -> (f32, u16) {
        let scores = groups.map(|group| score::<PUCT>(group, terms));
        let mut top = scores[0];
        for &score in &scores[1..] {
            top = _mm256_max_ps(top, score);
        }
        top = _mm256_max_ps(top, _mm256_permute2f128_ps::<1>(top, top));
        top = _mm256_max_ps(top, _mm256_permute_ps::<0b0100_1110>(top));
        top = _mm256_max_ps(top, _mm256_permute_ps::<0b1011_0001>(top));
        let mut equal = 0u32;
        for (at, &score) in scores.iter().enumerate() {
            let bits = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(score, top));
            equal |= bits.cast_unsigned() << (LANES * at);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 32")]
        {
            (_mm_cvtss_f32(_mm256_castps256_ps128(top)), equal.trailing_zeros() as u16)
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn score<const PUCT: bool>(group: &Group, terms: [__m256; 3]) -> __m256 {
        // SAFETY: each holds 8 numbers, and a group is aligned to 64 bytes and begins with n.
        let (n, q, p) = unsafe {
            (
                _mm256_load_si256(std::ptr::from_ref(group).cast::<__m256i>()),
                _mm256_load_ps((&raw const group.q).cast::<f32>()),
                _mm256_load_ps((&raw const group.p).cast::<f32>()),
            )
        };
        let [explore, fresh, in_flight] = terms;
        let never = _mm256_castsi256_ps(_mm256_cmpeq_epi32(n, _mm256_setzero_si256()));
        let unvalued = _mm256_blendv_ps(in_flight, fresh, never);
        let q = _mm256_blendv_ps(q, unvalued, _mm256_cmp_ps::<_CMP_UNORD_Q>(q, q));
        let (n, one) = (_mm256_cvtepi32_ps(n), _mm256_set1_ps(1.0));
        let bonus = if PUCT {
            _mm256_div_ps(_mm256_mul_ps(explore, p), _mm256_add_ps(one, n))
        } else {
            _mm256_sqrt_ps(_mm256_div_ps(explore, _mm256_max_ps(n, one)))
        };
        _mm256_add_ps(q, bonus)
    }
}
