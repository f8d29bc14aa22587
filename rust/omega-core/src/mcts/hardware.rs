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
    available()[0].0
}

/// The UCT choice for this machine.
pub(super) fn uct() -> Pick {
    available()[0].1
}

/// The choices that this machine can make, as (PUCT, UCT), fastest first.
pub(super) fn available() -> Vec<(Pick, Pick)> {
    let mut found: Vec<(Pick, Pick)> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx2") {
            found.push((avx512::puct, avx512::uct));
        }
        if is_x86_feature_detected!("avx2") {
            found.push((avx2::puct, avx2::uct));
        }
    }
    found.push((pick::puct, pick::uct));
    found
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
    pub(super) fn top_of<const PUCT: bool, const G: usize>(
        groups: [&Group; G],
        terms: [__m256; 3],
    ) -> (f32, u16) {
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

/// As [`avx2`], with two vectors in place of four where a node has many children.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::avx2::top_of;
    use super::{Choice, Group};
    use crate::mcts::arena::{CLOSED, LANES};
    use std::arch::x86_64::{
        __m256i, __m512, _CMP_EQ_OQ, _CMP_UNORD_Q, _mm_cvtss_f32, _mm256_castpd_ps, _mm256_castps_pd,
        _mm256_castps256_ps128, _mm256_load_ps, _mm256_load_si256, _mm256_max_ps, _mm256_permute_ps,
        _mm256_permute2f128_ps, _mm256_set1_ps, _mm512_add_ps, _mm512_broadcastss_ps, _mm512_castpd_ps,
        _mm512_castpd256_pd512, _mm512_castps_pd, _mm512_castps512_ps256, _mm512_castsi256_si512,
        _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_div_ps, _mm512_extractf64x4_pd, _mm512_insertf64x4,
        _mm512_inserti64x4, _mm512_mask_blend_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_ps,
        _mm512_sqrt_ps, _mm512_testn_epi32_mask,
    };

    pub(super) fn puct(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
        // SAFETY: handed out only where the unit was found.
        unsafe { best::<true>(groups, explore, fresh, in_flight) }
    }

    pub(super) fn uct(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
        // SAFETY: handed out only where the unit was found.
        unsafe { best::<false>(groups, explore, fresh, in_flight) }
    }

    #[target_feature(enable = "avx512f,avx2")]
    fn best<const PUCT: bool>(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
        let wide = [explore, fresh, in_flight].map(|term| _mm512_set1_ps(term));
        if let Ok(four) = groups.try_into() {
            let (top, slot) = top_of_four::<PUCT>(four, wide);
            return (top > CLOSED).then_some(slot);
        }
        let terms = [explore, fresh, in_flight].map(|term| _mm256_set1_ps(term));
        let (mut top, mut slot, mut from) = (CLOSED, 0, 0);
        for some in groups.chunks(4) {
            let (score, place) = match some {
                [a] => top_of::<PUCT, 1>([a], terms),
                [a, b] => top_of::<PUCT, 2>([a, b], terms),
                [a, b, c] => top_of::<PUCT, 3>([a, b, c], terms),
                four => top_of_four::<PUCT>(four.try_into().expect("four at most, and not fewer"), wide),
            };
            if score > top {
                (top, slot) = (score, from + place);
            }
            from += u16::try_from(4 * LANES).expect("a small constant");
        }
        (top > CLOSED).then_some(slot)
    }

    #[target_feature(enable = "avx512f,avx2")]
    #[inline]
    fn top_of_four<const PUCT: bool>(groups: &[Group; 4], terms: [__m512; 3]) -> (f32, u16) {
        let (low, high) =
            (score::<PUCT>(&groups[0], &groups[1], terms), score::<PUCT>(&groups[2], &groups[3], terms));
        let all = _mm512_max_ps(low, high);
        let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(all)));
        let mut top = _mm256_max_ps(_mm512_castps512_ps256(all), upper);
        top = _mm256_max_ps(top, _mm256_permute2f128_ps::<1>(top, top));
        top = _mm256_max_ps(top, _mm256_permute_ps::<0b0100_1110>(top));
        top = _mm256_max_ps(top, _mm256_permute_ps::<0b1011_0001>(top));
        let top = _mm256_castps256_ps128(top);
        let everywhere = _mm512_broadcastss_ps(top);
        let equal = |scores| u32::from(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(scores, everywhere));
        let equal = equal(low) | equal(high) << (2 * LANES);
        #[expect(clippy::cast_possible_truncation, reason = "at most 32")]
        {
            (_mm_cvtss_f32(top), equal.trailing_zeros() as u16)
        }
    }

    #[target_feature(enable = "avx512f,avx2")]
    #[inline]
    fn score<const PUCT: bool>(left: &Group, right: &Group, terms: [__m512; 3]) -> __m512 {
        let [explore, fresh, in_flight] = terms;
        // SAFETY: a group is aligned to 64 bytes and begins with n, 8 numbers.
        let visits = |of: &Group| unsafe { _mm256_load_si256(std::ptr::from_ref(of).cast::<__m256i>()) };
        let n = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(visits(left)), visits(right));
        let (q, p) = (side_by_side(&left.q, &right.q), side_by_side(&left.p, &right.p));
        let unvalued = _mm512_mask_blend_ps(_mm512_testn_epi32_mask(n, n), in_flight, fresh);
        let q = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(q, q), q, unvalued);
        let (n, one) = (_mm512_cvtepi32_ps(n), _mm512_set1_ps(1.0));
        let bonus = if PUCT {
            _mm512_div_ps(_mm512_mul_ps(explore, p), _mm512_add_ps(one, n))
        } else {
            _mm512_sqrt_ps(_mm512_div_ps(explore, _mm512_max_ps(n, one)))
        };
        _mm512_add_ps(q, bonus)
    }

    /// Eight numbers of one group beside eight of another; both lie where groups keep them, aligned to 32 bytes.
    #[target_feature(enable = "avx512f,avx2")]
    #[inline]
    fn side_by_side(left: &[f32; LANES], right: &[f32; LANES]) -> __m512 {
        // SAFETY: each holds 8 numbers, at a multiple of 32 bytes from the start of a group, which is aligned to 64.
        let load = |of: &[f32; LANES]| unsafe { _mm256_castps_pd(_mm256_load_ps(of.as_ptr())) };
        _mm512_castpd_ps(_mm512_insertf64x4::<1>(_mm512_castpd256_pd512(load(left)), load(right)))
    }
}
