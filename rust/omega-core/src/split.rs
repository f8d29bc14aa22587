//! Cutting a solution into steps without losing a byte.

use crate::error::Error;
use crate::thought::{Part, Thought};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where one step ends and the next begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Split {
    /// After every run of this string.
    Separator {
        /// For example a blank line.
        separator: String,
    },
    /// After every match of this regular expression.
    Regex {
        /// In the syntax of the `regex` crate.
        pattern: String,
    },
    /// At the middle token, then at the middle of each half, until no piece has more than `max_tokens` tokens.
    /// A middle inside a character moves to the next character. Texts without tokens are halved by characters,
    /// four to a token.
    Midpoint {
        /// The largest piece, in tokens.
        max_tokens: u32,
    },
}

/// A `Split` made ready for use, with what it is told of thoughts.
#[derive(Clone, Debug)]
pub struct Splitter {
    rule: Rule,
    thought: Thought,
}

#[derive(Clone, Debug)]
enum Rule {
    Separator(String),
    Regex(Regex),
    Midpoint(usize),
}

const CHARACTERS_PER_TOKEN: usize = 4;

impl Splitter {
    /// Checks and prepares a rule. Fails on an empty separator, a bad pattern, or a zero piece size.
    pub fn new(split: &Split) -> Result<Self, Error> {
        let bad = |field, problem: String| Err(Error::Config { field, problem });
        let rule = match split {
            Split::Separator { separator } if separator.is_empty() => {
                return bad("split.separator", "is empty".into());
            }
            Split::Separator { separator } => Rule::Separator(separator.clone()),
            Split::Regex { pattern } => match Regex::new(pattern) {
                Ok(regex) => Rule::Regex(regex),
                Err(error) => return bad("split.pattern", error.to_string()),
            },
            Split::Midpoint { max_tokens: 0 } => return bad("split.max_tokens", "must be at least 1".into()),
            Split::Midpoint { max_tokens } => Rule::Midpoint(*max_tokens as usize),
        };
        Ok(Self { rule, thought: Thought::default() })
    }

    /// The same, cutting thoughts and the rest of a solution as told. Fails on markers that cannot work.
    pub fn with_thought(self, thought: &Thought) -> Result<Self, Error> {
        thought.check()?;
        Ok(Self { thought: thought.clone(), ..self })
    }

    /// The byte offsets at which the steps of `text` end, the last being its length; empty for blank text.
    ///
    /// Every step keeps its separator, none is blank, and their concatenation is `text`. `token_ends` gives the
    /// byte offset at which each token ends (-1: inside a character), or nothing if there are no tokens.
    pub fn cuts(&self, text: &str, token_ends: &[i32]) -> Vec<u32> {
        self.cuts_of(&self.thought.parts(false, "", text), text, token_ends)
    }

    /// The cuts of a `text` with which the policy goes on from `prefix`; that or the prompt may have left a thought open.
    ///
    /// Where thoughts are told apart, a step of nothing but markers counts as blank, and no cut falls inside a marker.
    pub fn cuts_after(&self, prefix: &str, text: &str, token_ends: &[i32]) -> Vec<u32> {
        self.cuts_of(&self.thought.parts(self.thought.opened, prefix, text), text, token_ends)
    }

    fn cuts_of(&self, parts: &[Part], text: &str, token_ends: &[i32]) -> Vec<u32> {
        let mut found = Vec::new();
        for part in parts {
            if part.is_cut {
                self.rule.find(text, part.range.clone(), token_ends, &mut found);
            }
            found.push(part.range.end);
        }
        for marker in self.thought.markers(text) {
            found.retain(|&cut| cut <= marker.start || marker.end <= cut);
        }
        self.without_blank_steps(text, &found)
    }

    /// Drops every cut that would leave a blank step: leading blanks join the first step, other ones the step before.
    fn without_blank_steps(&self, text: &str, found: &[usize]) -> Vec<u32> {
        let mut cuts: Vec<usize> = Vec::with_capacity(found.len() + 1);
        let mut start = 0;
        for &cut in found.iter().chain([&text.len()]) {
            if cut <= start {
                continue;
            }
            if !self.thought.is_blank(&text[start..cut]) {
                cuts.push(cut);
            } else if let Some(last) = cuts.last_mut() {
                *last = cut;
            } else {
                continue;
            }
            start = cut;
        }
        if cuts.is_empty() && !text.chars().all(char::is_whitespace) {
            cuts.push(text.len()); // nothing but markers
        }
        cuts.into_iter().map(|cut| u32::try_from(cut).expect("a text stays below 4 GiB")).collect()
    }
}

impl Rule {
    /// Adds the cuts of one part of a text, as offsets in the whole of it.
    fn find(&self, text: &str, part: Range<usize>, token_ends: &[i32], found: &mut Vec<usize>) {
        let start = part.start;
        match self {
            Self::Separator(separator) => found
                .extend(text[part].match_indices(separator.as_str()).map(|(at, run)| start + at + run.len())),
            Self::Regex(regex) => found.extend(regex.find_iter(&text[part]).map(|run| start + run.end())),
            Self::Midpoint(max_tokens) => midpoints(text, part, token_ends, *max_tokens, found),
        }
    }
}

fn midpoints(text: &str, part: Range<usize>, token_ends: &[i32], max_tokens: usize, found: &mut Vec<usize>) {
    let within = |end: &usize| part.start < *end && *end <= part.end;
    let (ends, largest): (Vec<usize>, usize) = if token_ends.is_empty() {
        let ends = text[part.clone()].char_indices().map(|(at, c)| part.start + at + c.len_utf8()).collect();
        (ends, max_tokens.saturating_mul(CHARACTERS_PER_TOKEN))
    } else {
        // A token that ends inside a character takes the end of the next one that does not.
        let mut next = text.len();
        let mut ends: Vec<usize> = token_ends
            .iter()
            .rev()
            .map(|&end| {
                next = usize::try_from(end).unwrap_or(next);
                next
            })
            .filter(within)
            .collect();
        ends.reverse();
        (ends, max_tokens)
    };
    halve(&ends, 0, ends.len(), largest, found);
}

fn halve(ends: &[usize], from: usize, to: usize, largest: usize, cuts: &mut Vec<usize>) {
    if to - from <= largest {
        return;
    }
    let middle = usize::midpoint(from, to);
    halve(ends, from, middle, largest, cuts);
    cuts.push(ends[middle - 1]);
    halve(ends, middle, to, largest, cuts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thought::ThoughtSplit;

    fn steps<'a>(split: &Split, text: &'a str) -> Vec<&'a str> {
        let mut start = 0;
        let cuts = Splitter::new(split).unwrap().cuts(text, &[]);
        cuts.iter().map(|&cut| &text[std::mem::replace(&mut start, cut as usize)..cut as usize]).collect()
    }

    fn by(separator: &str) -> Split {
        Split::Separator { separator: separator.into() }
    }

    #[test]
    fn steps_keep_their_separator() {
        assert_eq!(steps(&by("\n"), "a\nb\nc"), ["a\n", "b\n", "c"]);
    }

    #[test]
    fn blank_steps_join_their_neighbours() {
        assert_eq!(steps(&by("\n"), "\n\na\n\n\nb\n \n"), ["\n\na\n\n\n", "b\n \n"]);
    }

    #[test]
    fn blank_text_has_no_steps() {
        assert!(steps(&by("\n"), "").is_empty());
        assert!(steps(&by("\n"), " \n\n").is_empty());
    }

    #[test]
    fn a_pattern_cuts_after_each_match() {
        let split = Split::Regex { pattern: r"[.;]\s*".into() };
        assert_eq!(steps(&split, "one. two;three"), ["one. ", "two;", "three"]);
    }

    #[test]
    fn midpoints_halve_by_tokens_and_snap_to_characters() {
        let splitter = Splitter::new(&Split::Midpoint { max_tokens: 2 }).unwrap();
        assert_eq!(splitter.cuts("aébcd", &[1, -1, 3, 4, 5, 6]), [1, 3, 4, 6]);
        assert_eq!(splitter.cuts("abcd", &[1, 2, 3, 4]), [2, 4]);
    }

    const THOUGHT: &str = "<think>\n\na\n\nb\n</think>\n\nc\n\nd";

    fn thinking(split: ThoughtSplit, prefix: &'static str, text: &'static str) -> Vec<&'static str> {
        let thought = Thought { split, ..Thought::default() };
        let splitter = Splitter::new(&by("\n\n")).unwrap().with_thought(&thought).unwrap();
        let mut start = 0;
        let cuts = splitter.cuts_after(prefix, text, &[]);
        cuts.iter().map(|&cut| &text[std::mem::replace(&mut start, cut as usize)..cut as usize]).collect()
    }

    #[test]
    fn the_thought_is_cut_and_the_answer_is_one_step() {
        let steps = thinking(ThoughtSplit::Inside, "", THOUGHT);
        assert_eq!(steps, ["<think>\n\na\n\n", "b\n</think>", "\n\nc\n\nd"]);
    }

    #[test]
    fn the_thought_is_one_step_and_the_answer_is_cut() {
        let steps = thinking(ThoughtSplit::After, "", THOUGHT);
        assert_eq!(steps, ["<think>\n\na\n\nb\n</think>\n\n", "c\n\n", "d"]);
    }

    #[test]
    fn both_are_cut_and_the_end_of_the_thought_is_a_cut() {
        assert_eq!(
            thinking(ThoughtSplit::Both, "", THOUGHT),
            ["<think>\n\na\n\n", "b\n</think>\n\n", "c\n\n", "d"]
        );
        assert_eq!(thinking(ThoughtSplit::Both, "", "a</think>b"), ["a</think>", "b"]);
    }

    #[test]
    fn a_marker_alone_is_no_step() {
        let text = "<think>\n\n</think>\n\na\n\n<think>\n\n</think>";
        assert_eq!(
            thinking(ThoughtSplit::Both, "", text),
            ["<think>\n\n</think>\n\na\n\n<think>\n\n</think>"]
        );
        assert_eq!(thinking(ThoughtSplit::Both, "", "<think>"), ["<think>"]);
    }

    #[test]
    fn a_continuation_is_cut_by_what_its_prefix_left_open() {
        assert_eq!(thinking(ThoughtSplit::After, "<think>a\n\n", "b\n\nc"), ["b\n\nc"]);
        assert_eq!(thinking(ThoughtSplit::Inside, "<think>a\n\n", "b\n\nc"), ["b\n\n", "c"]);
        assert_eq!(thinking(ThoughtSplit::After, "<think>a</think>", "b\n\nc"), ["b\n\n", "c"]);
    }

    #[test]
    fn midpoints_halve_each_part_and_spare_the_markers() {
        let thought = Thought { split: ThoughtSplit::Both, ..Thought::default() };
        let splitter =
            Splitter::new(&Split::Midpoint { max_tokens: 2 }).unwrap().with_thought(&thought).unwrap();
        let text = "<think>abcd</think>efg";
        let ends: Vec<i32> = (1..).take(text.len()).collect();
        let cuts = splitter.cuts(text, &ends);
        assert_eq!(cuts, [9, 19, 20, 22]);
    }

    #[test]
    fn bad_rules_are_named() {
        assert!(Splitter::new(&by("")).unwrap_err().to_string().contains("split.separator"));
        let pattern = Split::Regex { pattern: "(".into() };
        assert!(Splitter::new(&pattern).unwrap_err().to_string().contains("split.pattern"));
    }
}
