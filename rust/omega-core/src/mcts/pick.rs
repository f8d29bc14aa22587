//! The choice among a node's children, in plain Rust; [`super::hardware`] has the same in vector code.

use super::arena::{CLOSED, Group, LANES};

/// The slot with the highest score, the lowest among equals; `None` if every child is closed.
pub(super) type Choice = Option<u16>;

/// `explore` is the rule's factor at the parent's visits; `fresh` and `in_flight` are Q of a child never visited, and of
/// one whose first value is in flight.
pub(super) fn puct(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
    best(groups, fresh, in_flight, |n, p| explore * p / (1.0 + n))
}

pub(super) fn uct(groups: &[Group], explore: f32, fresh: f32, in_flight: f32) -> Choice {
    best(groups, fresh, in_flight, |n, _| (explore / n.max(1.0)).sqrt())
}

fn best(groups: &[Group], fresh: f32, in_flight: f32, bonus: impl Fn(f32, f32) -> f32) -> Choice {
    let (mut top, mut best) = (CLOSED, None);
    for (slot, (group, lane)) in
        (0..).zip(groups.iter().flat_map(|group| (0..LANES).map(move |lane| (group, lane))))
    {
        let unvalued = if group.n[lane] == 0 { fresh } else { in_flight };
        let q = if group.q[lane].is_nan() { unvalued } else { group.q[lane] };
        let score = q + bonus(group.n[lane] as f32, group.p[lane]);
        if score > top {
            (top, best) = (score, Some(slot));
        }
    }
    best
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::super::hardware;
    use super::*;
    use proptest::prelude::*;

    fn group() -> impl Strategy<Value = Group> {
        let n = prop_oneof![Just(0), 1..5_u32, 0..1_u32 << 30];
        let q = prop_oneof![Just(f32::NAN), Just(CLOSED), -2.0..2.0_f32, (0..3_u8).prop_map(f32::from)];
        let p = prop_oneof![Just(0.0), 0.0..1.0_f32, Just(0.5)];
        (prop::array::uniform8(n), prop::array::uniform8(q), prop::array::uniform8(p))
            .prop_map(|(n, q, p)| Group { n, q, p, child: [0; LANES] })
    }

    proptest! {
        #[test]
        fn vector_code_chooses_as_plain_code_does(
            groups in prop::collection::vec(group(), 0..11),
            explore in 0.0..50.0_f32,
            fresh in prop_oneof![Just(f32::INFINITY), -1.0..1.0_f32],
            in_flight in -1.0..1.0_f32,
        ) {
            let of = |pick: hardware::Pick| pick(&groups, explore, fresh, in_flight);
            for (fast_puct, fast_uct) in hardware::available() {
                prop_assert_eq!(of(fast_puct), of(puct));
                prop_assert_eq!(of(fast_uct), of(uct));
            }
        }
    }
}
