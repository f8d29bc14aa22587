//! What a tree search asks for, and what it is told.

use crate::ids::{NodeId, RequestId};

/// Work a tree search wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Name it in the answer; its question is the tree.
    pub id: RequestId,
    /// What is wanted.
    pub wanted: Wanted,
    /// The node it is wanted for.
    pub node: NodeId,
    /// Its parent and the step between; `None` for the root.
    pub from: Option<(NodeId, u32)>,
}

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The value of a new node, and the steps that can follow it.
    Evaluation,
    /// More steps that can follow a node; see [`super::Widening`].
    Proposals,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer<'a> {
    /// To [`Wanted::Evaluation`].
    Evaluated(Evaluation<'a>),
    /// To [`Wanted::Proposals`]. Without a new step among them the node is not asked about again.
    Proposed(Steps<'a>),
    /// It will never come: the step is closed. Counts nowhere.
    Lost,
    /// The driver took it back: the step may be chosen again. Counts nowhere.
    Cancelled,
}

/// A new node as its evaluators see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation<'a> {
    /// One a role of [`super::Config::values`], in that order; NaN where none came.
    pub values: &'a [f32],
    /// What a judge says of the step that leads here; only [`super::Backup::Fused`] uses it, and needs it.
    pub verdict: Option<f32>,
    /// What can follow; nothing makes the node absorbing.
    pub steps: Steps<'a>,
    /// Whether it is finished.
    pub terminal: bool,
}

/// Steps that can follow a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steps<'a> {
    /// The driver's numbers for them, below 2^31; empty stands for 0, 1, 2, ... Equal numbers are equal steps.
    pub ids: &'a [u32],
    /// P, at least 0; empty stands for equal shares of 1.
    pub priors: &'a [f32],
}

/// An answer that came before its turn.
#[derive(Clone, Debug)]
pub(super) struct Held {
    kind: Kind,
    values: Vec<f32>,
    ids: Vec<u32>,
    priors: Vec<f32>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Evaluated { verdict: Option<f32>, terminal: bool },
    Proposed,
    Lost,
    Cancelled,
}

impl Held {
    pub(super) fn keep(answer: Answer<'_>) -> Self {
        let (kind, values, steps) = match answer {
            Answer::Evaluated(Evaluation { values, verdict, steps, terminal }) => {
                (Kind::Evaluated { verdict, terminal }, values, steps)
            }
            Answer::Proposed(steps) => (Kind::Proposed, &[][..], steps),
            Answer::Lost => (Kind::Lost, &[][..], Steps::default()),
            Answer::Cancelled => (Kind::Cancelled, &[][..], Steps::default()),
        };
        Self { kind, values: values.into(), ids: steps.ids.into(), priors: steps.priors.into() }
    }

    pub(super) fn answer(&self) -> Answer<'_> {
        let steps = Steps { ids: &self.ids, priors: &self.priors };
        match self.kind {
            Kind::Evaluated { verdict, terminal } => {
                Answer::Evaluated(Evaluation { values: &self.values, verdict, steps, terminal })
            }
            Kind::Proposed => Answer::Proposed(steps),
            Kind::Lost => Answer::Lost,
            Kind::Cancelled => Answer::Cancelled,
        }
    }
}

impl Steps<'_> {
    pub(super) fn len(&self) -> usize {
        self.ids.len().max(self.priors.len())
    }
}
