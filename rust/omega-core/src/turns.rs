//! Whose requests go out first.

use crate::ids::{QuestionId, RequestId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Whose requests go out first. Changes when questions finish, and no label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turns {
    /// The oldest request's, so that all open questions go on together and the last ones end together; but before them
    /// those of questions that others wait for.
    #[default]
    Even,
    /// The first question's, and another is opened only when the open ones ask for nothing: where a run may have to
    /// end early, most of what was paid for is then in finished questions.
    FirstToFinish,
}

/// Requests that can go out, by rank, then in the order in which they came up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ready {
    by_rank: BTreeMap<u32, VecDeque<RequestId>>,
}

impl Ready {
    pub(crate) fn push(&mut self, rank: u32, id: RequestId) {
        self.by_rank.entry(rank).or_default().push_back(id);
    }

    pub(crate) fn pop(&mut self) -> Option<RequestId> {
        let mut first = self.by_rank.first_entry()?;
        let id = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        id
    }

    pub(crate) fn drop_question(&mut self, question: QuestionId) {
        self.by_rank.retain(|_, ids| {
            ids.retain(|id| id.question != question);
            !ids.is_empty()
        });
    }

    /// Ranks all of them anew.
    pub(crate) fn rank(&mut self, rank: impl Fn(QuestionId) -> u32) {
        for id in std::mem::take(&mut self.by_rank).into_values().flatten() {
            self.push(rank(id.question), id);
        }
    }
}
