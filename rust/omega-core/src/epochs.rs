//! Rates learnt across questions, in numbered epochs.
//!
//! Epoch 0 is the prior. Epoch j is learnt from the first 4 * 2^(j-1) questions and serves those from four times that
//! number on: a question's epoch depends on its number alone, and nothing but its root is decided on until its epoch is
//! there. So what is learnt is a function of the responses, whatever the pace.

use crate::ids::QuestionId;
use crate::locate::bayes::{Likelihood, Weights, learn};
use serde::{Deserialize, Serialize};

/// Questions behind epoch 1.
const FIRST: usize = 4;
/// Questions behind the last epoch; more would change little.
const MOST: usize = 4096;
/// A question waits for the first quarter of those before it, at most: they are long done in a run that keeps pace.
const LAG: usize = 4;

/// The epochs so far, and what the next will be learnt from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Epochs {
    /// By question, for as many as are learnt from.
    likelihoods: Vec<Option<Likelihood>>,
    weights: Vec<Weights>,
}

impl Default for Epochs {
    fn default() -> Self {
        Self { likelihoods: Vec::new(), weights: vec![Weights::default()] }
    }
}

impl Epochs {
    /// The epoch of a question, by its number, and the weights; `None` while questions it is learnt from go on.
    pub(crate) fn of(&self, question: QuestionId) -> Option<(u32, Weights)> {
        let epoch = epoch_of(question.index());
        let weights = self.weights.get(epoch)?;
        Some((u32::try_from(epoch).expect("few epochs"), weights.clone()))
    }

    /// Whether the epoch of a question is complete.
    pub(crate) fn has(&self, question: QuestionId) -> bool {
        epoch_of(question.index()) < self.weights.len()
    }

    /// How many questions the epoch of a question is learnt from.
    pub(crate) fn behind(question: QuestionId) -> usize {
        let epoch = epoch_of(question.index());
        if epoch == 0 { 0 } else { questions_behind(epoch).expect("epochs that serve are learnt") }
    }

    /// The first epoch that a question is learnt from for.
    pub(crate) fn first_with(question: QuestionId) -> u32 {
        (question.index() / FIRST).checked_ilog2().map_or(1, |power| power + 2)
    }

    /// Whether a question's likelihood will be asked for.
    pub(crate) fn learns_from(question: QuestionId) -> bool {
        question.index() < MOST
    }

    /// Takes the likelihood of a finished question; gives the epochs that are complete with it, as (number,
    /// questions).
    pub(crate) fn finish(&mut self, question: QuestionId, likelihood: Likelihood) -> Vec<(u32, u32)> {
        let at = question.index();
        if self.likelihoods.len() <= at {
            self.likelihoods.resize(at + 1, None);
        }
        self.likelihoods[at] = Some(likelihood);
        let mut made = Vec::new();
        while let Some(questions) = questions_behind(self.weights.len()) {
            let known: Vec<&Likelihood> = self.likelihoods.iter().take(questions).flatten().collect();
            if known.len() < questions {
                break;
            }
            self.weights.push(learn(&known));
            let number = u32::try_from(self.weights.len() - 1).expect("few epochs");
            made.push((number, u32::try_from(questions).expect("few questions")));
        }
        made
    }

    /// The weights of the last epoch that is complete.
    pub(crate) fn latest(&self) -> &Weights {
        self.weights.last().expect("there is always epoch 0")
    }

    /// The weights of an epoch.
    pub(crate) fn weights(&self, epoch: u32) -> Option<&Weights> {
        self.weights.get(epoch as usize)
    }
}

/// The questions an epoch after 0 is learnt from; `None` past the last.
fn questions_behind(epoch: usize) -> Option<usize> {
    let questions = u32::try_from(epoch - 1).ok().and_then(|power| FIRST.checked_shl(power))?;
    (questions <= MOST).then_some(questions)
}

/// How many of the first questions the weights are learnt from that a question starts with, by its number.
pub fn learnt_from(question: usize) -> usize {
    match epoch_of(question) {
        0 => 0,
        epoch => questions_behind(epoch).expect("an epoch that serves has questions behind it"),
    }
}

fn epoch_of(question: usize) -> usize {
    let served = |epoch: usize| questions_behind(epoch).is_some_and(|behind| question >= LAG * behind);
    let mut epoch = 0;
    while served(epoch + 1) {
        epoch += 1;
    }
    epoch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_uses_the_epoch_of_a_quarter_of_the_questions_before_it() {
        let epochs: Vec<usize> =
            [0, 15, 16, 31, 32, 63, 64, 16_383, 16_384, 1_000_000].into_iter().map(epoch_of).collect();
        assert_eq!(epochs, [0, 0, 1, 1, 2, 2, 3, 10, 11, 11]);
    }

    #[test]
    fn what_a_question_starts_with_is_learnt_from_a_quarter_of_those_before_it_at_most() {
        for question in 0..5_000 {
            assert!(LAG * learnt_from(question) <= question);
        }
        assert_eq!([15, 16, 40, 1_000_000].map(learnt_from), [0, 4, 8, MOST]);
    }
}
