//! Requests and answers as columns of numbers, a batch in one table, for drivers in other languages.

use super::forest::Forest;
use super::request::{Answer, Evaluation, Request, Steps, Wanted};
use crate::error::Error;
use crate::ids::{QuestionId, RequestId};

/// Answers to requests, one a row.
///
/// `kinds`: 0 evaluated, 1 evaluated and terminal, 2 proposed, 3 lost, 4 cancelled. `values` has one a role for each
/// row. Row i's steps are `ids[offsets[i]..offsets[i + 1]]`, likewise `priors`; either may be empty, and so may
/// `verdicts`, where NaN is none.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "said above")]
pub struct Answers {
    pub trees: Vec<u32>,
    pub sequences: Vec<u32>,
    pub kinds: Vec<u8>,
    pub values: Vec<f32>,
    pub verdicts: Vec<f32>,
    pub offsets: Vec<u32>,
    pub ids: Vec<u32>,
    pub priors: Vec<f32>,
}

impl Forest {
    /// At most `max` requests as columns: tree, sequence, node, 1 where proposals are wanted, and the steps of their
    /// paths from the root, row i's at `offsets[i]..offsets[i + 1]`: (..., offsets, steps).
    pub fn poll_columns(&mut self, max: usize) -> [Vec<u32>; 6] {
        let (mut requests, mut offsets, mut steps) = (Vec::new(), vec![0], Vec::new());
        self.poll_requests(max, &mut requests);
        for Request { id, node, .. } in &requests {
            steps.extend(self.tree(id.question).map(|tree| tree.path(*node)).unwrap_or_default());
            offsets.push(u32::try_from(steps.len()).unwrap_or(u32::MAX));
        }
        let of = |what: fn(&Request) -> u32| requests.iter().map(what).collect();
        let wanted = |it: &Request| u32::from(it.wanted == Wanted::Proposals);
        [of(|it| it.id.question.0), of(|it| it.id.sequence), of(|it| it.node.0), of(wanted), offsets, steps]
    }

    /// [`Self::handle_responses`] for a table. Fails on columns that do not fit, before any is taken.
    pub fn handle_columns(&mut self, answers: &Answers) -> Result<(), Error> {
        let Answers { trees, sequences, kinds, values, verdicts, offsets, ids, priors } = answers;
        let bad = |problem: &str| Err(Error::Columns(problem.to_owned()));
        let (rows, roles) = (trees.len(), self.config().values.len());
        if [sequences.len(), kinds.len(), offsets.len().wrapping_sub(1)] != [rows; 3]
            || values.len() != rows * roles
        {
            return bad(
                "columns differ in length: a value a role and an offset more than requests are needed",
            );
        }
        let fits = |len: usize| len == 0 || offsets.last().is_some_and(|&end| end as usize == len);
        if !offsets.is_sorted()
            || !fits(ids.len())
            || !fits(priors.len())
            || ![0, rows].contains(&verdicts.len())
        {
            return bad(
                "offsets must rise to the length of ids and priors; verdicts must be one a request, or none",
            );
        }
        if let Some(kind) = kinds.iter().find(|&&kind| kind > 4) {
            return bad(&format!("{kind} is no kind of answer"));
        }
        let answer = |row: usize| {
            let place = offsets[row] as usize..offsets[row + 1] as usize;
            let steps = Steps {
                ids: ids.get(place.clone()).unwrap_or_default(),
                priors: priors.get(place).unwrap_or_default(),
            };
            let verdict = verdicts.get(row).copied().filter(|verdict| !verdict.is_nan());
            let values = &values[row * roles..(row + 1) * roles];
            let answer = match kinds[row] {
                kind @ 0..=1 => Answer::Evaluated(Evaluation { values, verdict, steps, terminal: kind == 1 }),
                2 => Answer::Proposed(steps),
                3 => Answer::Lost,
                _ => Answer::Cancelled,
            };
            (RequestId::decided(QuestionId(trees[row]), sequences[row]), answer)
        };
        let answers: Vec<_> = (0..rows).map(answer).collect();
        self.handle_responses(&answers)
    }
}
