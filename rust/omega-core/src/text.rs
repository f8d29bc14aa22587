//! The texts and tokens of one question, each stored once; everything else holds spans of them.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A range of bytes of a question's text arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

/// A range of tokens of a question's text arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenSpan {
    start: u32,
    end: u32,
}

/// Append-only storage of the texts that came back, with the tokens they were generated as.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Arena {
    text: String,
    tokens: Vec<u32>,
    ends: Vec<i32>,
}

impl Span {
    /// The part of this span between two of its own byte offsets.
    pub(crate) fn part(self, range: Range<u32>) -> Self {
        debug_assert!(range.start <= range.end && range.end <= self.end - self.start);
        Self { start: self.start + range.start, end: self.start + range.end }
    }
}

impl TokenSpan {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Arena {
    pub(crate) fn push_text(&mut self, text: &str) -> Span {
        let start = position(self.text.len());
        self.text.push_str(text);
        Span { start, end: position(self.text.len()) }
    }

    /// Stores tokens with, for each, the byte offset in its text at which it ends (-1: inside a character).
    pub(crate) fn push_tokens(&mut self, tokens: &[u32], ends: &[i32]) -> TokenSpan {
        let start = position(self.tokens.len());
        self.tokens.extend_from_slice(tokens);
        self.ends.extend_from_slice(ends);
        TokenSpan { start, end: position(self.tokens.len()) }
    }

    pub(crate) fn text(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    pub(crate) fn tokens(&self, span: TokenSpan) -> &[u32] {
        &self.tokens[span.range()]
    }

    pub(crate) fn ends(&self, span: TokenSpan) -> &[i32] {
        &self.ends[span.range()]
    }

    /// The tokens up to byte offset `cut` of the text they spell, if one of them ends exactly there.
    pub(crate) fn tokens_up_to(&self, span: TokenSpan, cut: u32) -> Option<TokenSpan> {
        let cut = i32::try_from(cut).ok()?;
        let last = self.ends(span).iter().rposition(|&end| end == cut)?;
        Some(TokenSpan { start: span.start, end: span.start + position(last + 1) })
    }
}

fn position(length: usize) -> u32 {
    u32::try_from(length).expect("the texts of one question stay below 4 GiB")
}
