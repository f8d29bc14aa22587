//! Splitting loses no byte, leaves no blank step and cuts between characters.

use omega_core::{Split, Splitter, Thought, ThoughtSplit};
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

fn thinking_texts() -> impl Strategy<Value = String> {
    let pieces = ["<think>", "</think>", "a", "b. ", "\n", "\n\n", " ", "é", "字", "<thi", "nk>", "</"];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..30).prop_map(|pieces| pieces.concat())
}

fn splits() -> impl Strategy<Value = ThoughtSplit> {
    prop::sample::select(vec![ThoughtSplit::Inside, ThoughtSplit::After, ThoughtSplit::Both])
}

/// Where a solution lies inside a thought, told a character at a time: for each byte, whether it does.
fn told_apart(text: &str, opened: bool) -> Vec<bool> {
    let first = [text.find("<think>"), text.find("</think>")];
    let mut inside = opened || matches!(first, [None, Some(_)]) || first[0] > first[1] && first[1].is_some();
    let mut bytes: Vec<bool> = Vec::new();
    while bytes.len() < text.len() {
        let rest = &text[bytes.len()..];
        let (marker, long) = if inside { ("</think>", 8) } else { ("<think>", 7) };
        if rest.starts_with(marker) {
            bytes.extend([true; 8].iter().take(long));
            inside = !inside;
        } else {
            bytes.extend(vec![inside; rest.chars().next().unwrap().len_utf8()]);
        }
    }
    bytes
}

proptest! {
    #[test]
    fn steps_of_thoughts_concatenate_to_the_text(
        prefix in thinking_texts(),
        text in thinking_texts(),
        rule in rules(),
        split in splits(),
        opened in any::<bool>(),
    ) {
        let thought = Thought { split, opened, ..Thought::default() };
        let splitter = Splitter::new(&rule).unwrap().with_thought(&thought).unwrap();
        check(&text, &splitter.cuts_after(&prefix, &text, &[]))?;
        check(&text, &splitter.cuts(&text, &token_ends(&text, &[3, 7, 12, 20])))?;
    }

    #[test]
    fn no_step_reaches_from_a_thought_into_what_is_said_and_only_one_of_the_two_is_cut(
        text in thinking_texts(),
        split in splits(),
        opened in any::<bool>(),
    ) {
        let thought = Thought { split, opened, ..Thought::default() };
        let splitter = Splitter::new(&Split::Separator { separator: "\n".into() }).unwrap();
        let cuts = splitter.with_thought(&thought).unwrap().cuts_after("", &text, &[]);
        let inside = told_apart(&text, opened);
        let said = |from: usize, to: usize| {
            !text[from..to].replace("<think>", "").replace("</think>", "").trim().is_empty()
        };
        let mut start = 0;
        for &cut in &cuts {
            let cut = cut as usize;
            for at in (start + 1..cut).filter(|&at| text.is_char_boundary(at)) {
                let change = inside[at] != inside[at - 1];
                prop_assert!(!(change && said(start, at) && said(at, cut)), "{:?}", &text[start..cut]);
            }
            let between = text[..cut].trim_end().ends_with("</think>") || text[cut..].starts_with("<think>");
            if cut < text.len() && inside[cut] == inside[cut - 1] && !between && split != ThoughtSplit::Both {
                // A cut within a part: only where that part is to be cut, or where blanks joined the step before.
                let joined = inside[..cut].iter().rposition(|&side| side != inside[cut]);
                let blank = joined.is_some_and(|change| !said(change + 1, cut));
                prop_assert!(inside[cut] == (split == ThoughtSplit::Inside) || blank);
            }
            start = cut;
        }
    }

    #[test]
    fn a_continuation_is_cut_as_it_is_in_the_whole_text(
        text in "(<think>[ab]\n{0,2}){0,1}([ab]\n{1,2}){1,6}(</think>([ab]\n\n){0,3}){0,1}",
        split in splits(),
        opened in any::<bool>(),
    ) {
        let thought = Thought { split, opened, ..Thought::default() };
        let splitter = Splitter::new(&Split::Separator { separator: "\n".into() }).unwrap();
        let splitter = splitter.with_thought(&thought).unwrap();
        let cuts = splitter.cuts_after("", &text, &[]);
        for (index, &cut) in cuts.iter().enumerate() {
            let (prefix, rest) = text.split_at(cut as usize);
            let again: Vec<u32> = splitter.cuts_after(prefix, rest, &[]).iter().map(|at| at + cut).collect();
            prop_assert_eq!(&cuts[index + 1..], again);
        }
    }
}
