//! Splitting loses no byte, leaves no blank step and cuts between characters.

use omega_core::{Split, Splitter};
use proptest::prelude::*;

fn texts() -> impl Strategy<Value = String> {
    let pieces = ["a", "b. ", "\n", "\n\n", " ", "\t", "\u{2028}", "é", "字", "🙂", "\r\n", "x=1;"];
    let dense = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40);
    prop_oneof![any::<String>(), dense.prop_map(|pieces| pieces.concat())]
}

fn rules() -> impl Strategy<Value = Split> {
    let separator = prop::sample::select(vec!["\n", "\n\n", " ", "é", ". ", "\n \n"]);
    let pattern = prop::sample::select(vec![r"\n+", r"[.;]\s*", r"\s*", r"", r"(?:\r?\n)+", r"."]);
    prop_oneof![
        separator.prop_map(|separator| Split::Separator { separator: separator.into() }),
        pattern.prop_map(|pattern| Split::Regex { pattern: pattern.into() }),
        (1..8_u32).prop_map(|max_tokens| Split::Midpoint { max_tokens }),
    ]
}

/// Token ends at some of the byte offsets of a text, -1 where a character is cut, the last one at the end.
fn token_ends(text: &str, at: &[usize]) -> Vec<i32> {
    let mut offsets: Vec<usize> = at.iter().map(|offset| offset % (text.len() + 1)).collect();
    offsets.sort_unstable();
    offsets.push(text.len());
    let end = |offset| if text.is_char_boundary(offset) { i32::try_from(offset).unwrap() } else { -1 };
    offsets.into_iter().map(end).collect()
}

fn check(text: &str, cuts: &[u32]) -> Result<(), TestCaseError> {
    prop_assert_eq!(cuts.is_empty(), text.trim().is_empty());
    let mut start = 0;
    let mut joined = String::new();
    for &cut in cuts {
        let cut = cut as usize;
        prop_assert!(text.is_char_boundary(cut), "cut {} inside a character", cut);
        prop_assert!(!text[start..cut].trim().is_empty(), "a blank step at {}", start);
        joined.push_str(&text[start..cut]);
        start = cut;
    }
    if !cuts.is_empty() {
        prop_assert_eq!(joined, text);
    }
    Ok(())
}

proptest! {
    #[test]
    fn steps_concatenate_to_the_text(text in texts(), rule in rules()) {
        check(&text, &Splitter::new(&rule).unwrap().cuts(&text, &[]))?;
    }

    #[test]
    fn steps_cut_by_tokens_concatenate_to_the_text(
        text in texts(),
        rule in rules(),
        at in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        check(&text, &Splitter::new(&rule).unwrap().cuts(&text, &token_ends(&text, &at)))?;
    }

    #[test]
    fn midpoints_leave_no_piece_above_the_maximum(text in "[a-z]{1,80}", max_tokens in 1..9_u32) {
        let ends: Vec<i32> = (1..).take(text.len()).collect();
        let cuts = Splitter::new(&Split::Midpoint { max_tokens }).unwrap().cuts(&text, &ends);
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        prop_assert!(starts.zip(&cuts).all(|(start, cut)| cut - start <= max_tokens));
    }
}

#[test]
fn a_middle_inside_a_character_moves_to_its_end() {
    let splitter = Splitter::new(&Split::Midpoint { max_tokens: 2 }).unwrap();
    assert_eq!(splitter.cuts("aéb", &[1, -1, 3, 4]), [3, 4]);
}
