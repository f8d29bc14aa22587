//! Thoughts: what a reasoning model says to itself between two markers, before it answers.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How thoughts are told from the rest of a solution, and which of the two is cut into steps.
///
/// A thought begins with `open` and ends with `close`, or with the text where `close` never comes. Inside a thought
/// `open` means nothing, outside of one `close` means nothing. A solution whose first marker is `close` began inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thought {
    /// What is cut.
    pub split: ThoughtSplit,
    /// The marker that begins a thought.
    pub open: String,
    /// The marker that ends it.
    pub close: String,
    /// Whether the prompt leaves a thought open, so that the policy begins inside one.
    pub opened: bool,
}

/// Which part of a solution is cut into steps. All but `None` also cut where a thought begins and where it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThoughtSplit {
    /// Everything; markers mean nothing.
    #[default]
    None,
    /// Thoughts; what stands between, before or after them is one step each.
    Inside,
    /// What stands outside of thoughts; a thought is one step.
    After,
    /// Everything.
    Both,
}

/// A stretch of a text that lies wholly inside a thought or wholly outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) range: Range<usize>,
    pub(crate) is_cut: bool,
}

impl Default for Thought {
    fn default() -> Self {
        Self { split: ThoughtSplit::None, open: "<think>".into(), close: "</think>".into(), opened: false }
    }
}

impl Thought {
    /// Names the first marker that cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bad = |field, problem: &str| Err(Error::Config { field, problem: problem.into() });
        if self.open.trim().is_empty() {
            return bad("thought.open", "is blank");
        }
        if self.close.trim().is_empty() {
            return bad("thought.close", "is blank");
        }
        if self.open.contains(&self.close) || self.close.contains(&self.open) {
            return bad("thought.close", "and thought.open contain one another");
        }
        Ok(())
    }

    /// The parts of `text`, which goes on from `prefix`, and that from an open thought if `opened`. Their ranges are
    /// offsets in `text` and cover all of it.
    pub(crate) fn parts(&self, opened: bool, prefix: &str, text: &str) -> Vec<Part> {
        if self.split == ThoughtSplit::None {
            return vec![Part { range: 0..text.len(), is_cut: true }];
        }
        let whole = [prefix, text].concat();
        let mut inside = opened || self.began_inside(&whole);
        let mut parts = Vec::new();
        let mut start = 0;
        let mut at = 0;
        loop {
            let marker = if inside { &self.close } else { &self.open };
            let found = whole[at..].find(marker.as_str()).map(|found| at + found);
            let end = match found {
                Some(found) if inside => found + marker.len(),
                Some(found) => found,
                None => whole.len(),
            };
            let range = start.max(prefix.len()) - prefix.len()..end.max(prefix.len()) - prefix.len();
            if !range.is_empty() {
                parts.push(Part { range, is_cut: self.cuts_where(inside) });
            }
            let Some(found) = found else { return parts };
            at = found + marker.len();
            start = end;
            inside = !inside;
        }
    }

    /// The stretches of `text` that are markers.
    pub(crate) fn markers(&self, text: &str) -> Vec<Range<usize>> {
        if self.split == ThoughtSplit::None {
            return Vec::new();
        }
        [&self.open, &self.close]
            .into_iter()
            .flat_map(|marker| text.match_indices(marker.as_str()).map(|(at, found)| at..at + found.len()))
            .collect()
    }

    /// Whether there is nothing in `text` but blanks and, where they mean something, markers.
    pub(crate) fn is_blank(&self, text: &str) -> bool {
        let blank = |text: &str| text.chars().all(char::is_whitespace);
        if self.split == ThoughtSplit::None {
            return blank(text);
        }
        text.split(self.open.as_str()).flat_map(|between| between.split(self.close.as_str())).all(blank)
    }

    fn began_inside(&self, whole: &str) -> bool {
        let close = whole.find(self.close.as_str());
        close.is_some_and(|close| whole.find(self.open.as_str()).is_none_or(|open| close < open))
    }

    fn cuts_where(&self, inside: bool) -> bool {
        match self.split {
            ThoughtSplit::Inside => inside,
            ThoughtSplit::After => !inside,
            ThoughtSplit::None | ThoughtSplit::Both => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(split: ThoughtSplit, opened: bool, prefix: &str, text: &str) -> Vec<(String, bool)> {
        let thought = Thought { split, ..Thought::default() };
        let parts = thought.parts(opened, prefix, text);
        parts.into_iter().map(|part| (text[part.range].to_string(), part.is_cut)).collect()
    }

    fn inside(prefix: &str, text: &str) -> Vec<(String, bool)> {
        parts(ThoughtSplit::Inside, false, prefix, text)
    }

    fn of(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
        expected.iter().map(|&(text, is_cut)| (text.to_string(), is_cut)).collect()
    }

    #[test]
    fn a_thought_reaches_from_marker_to_marker() {
        assert_eq!(
            inside("", "a<think>b</think>c"),
            of(&[("a", false), ("<think>b</think>", true), ("c", false)])
        );
    }

    #[test]
    fn a_thought_that_never_ends_reaches_to_the_end() {
        assert_eq!(inside("", "<think>a\n\nb"), of(&[("<think>a\n\nb", true)]));
    }

    #[test]
    fn the_prompt_can_leave_a_thought_open() {
        let found = parts(ThoughtSplit::After, true, "", "a</think>b");
        assert_eq!(found, of(&[("a</think>", false), ("b", true)]));
        assert_eq!(parts(ThoughtSplit::After, true, "", "a"), of(&[("a", false)]));
    }

    #[test]
    fn a_first_marker_that_ends_a_thought_shows_that_it_was_open() {
        assert_eq!(inside("", "a</think>b"), of(&[("a</think>", true), ("b", false)]));
        assert_eq!(inside("a", "b</think>c"), of(&[("b</think>", true), ("c", false)]));
    }

    #[test]
    fn a_continuation_begins_where_its_prefix_ended() {
        assert_eq!(inside("<think>a", "b</think>c"), of(&[("b</think>", true), ("c", false)]));
        assert_eq!(inside("<think>a</think>", "b"), of(&[("b", false)]));
        assert_eq!(inside("<think>a</th", "ink>b"), of(&[("ink>", true), ("b", false)]));
    }

    #[test]
    fn nested_and_stray_markers_mean_nothing() {
        assert_eq!(
            inside("", "<think>a<think>b</think>c</think>d"),
            of(&[("<think>a<think>b</think>", true), ("c</think>d", false)])
        );
    }

    #[test]
    fn thoughts_can_come_again() {
        let found = parts(ThoughtSplit::After, false, "", "<think>a</think>b<think>c</think>d");
        assert_eq!(
            found,
            of(&[("<think>a</think>", false), ("b", true), ("<think>c</think>", false), ("d", true)])
        );
    }

    #[test]
    fn markers_that_cannot_work_are_named() {
        let named = |open: &str, close: &str| {
            let thought = Thought { open: open.into(), close: close.into(), ..Thought::default() };
            thought.check().map_err(|error| error.to_string())
        };
        assert!(named(" ", "</t>").unwrap_err().contains("thought.open"));
        assert!(named("<t>", "").unwrap_err().contains("thought.close"));
        assert!(named("<t>", "<t>").unwrap_err().contains("contain one another"));
        assert!(named("<t>", "</t>").is_ok());
    }
}
