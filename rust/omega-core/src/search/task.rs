//! What a question has under way: the root's draws, searches, further draws of right states, draws for soft labels.

use super::draws::Draw;
use super::hunt::Hunt;
use super::omega_prm::Search;
use super::soft::SoftWave;
use crate::ids::NodeId;
use serde::{Deserialize, Serialize};

/// Something decided on that goes on until its draws are committed and nothing more is wanted for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// Names it within its question, in the order in which tasks began.
    pub(super) number: u32,
    pub(super) work: Work,
    /// States with draws decided for it and not yet all committed.
    pub(super) wave: Vec<NodeId>,
    /// How many of those draws are not committed.
    pub(super) awaited: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Work {
    /// The estimate of the root.
    Root,
    /// The hunt for a first error.
    Hunt(Hunt),
    /// One more continuation of a right state.
    Sow(NodeId),
    /// Draws for soft labels alone.
    Soft(SoftWave),
}

impl Task {
    pub(super) fn hunt(&self) -> Option<&Hunt> {
        match &self.work {
            Work::Hunt(hunt) => Some(hunt),
            _ => None,
        }
    }
}

impl Search {
    /// Begins a task and gives its number.
    pub(super) fn begin(&mut self, work: Work) -> u32 {
        let number = self.begun;
        self.begun += 1;
        self.tasks.push(Task { number, work, wave: Vec::new(), awaited: 0 });
        number
    }

    pub(super) fn task(&mut self, number: u32) -> &mut Task {
        let at = self.tasks.binary_search_by_key(&number, |task| task.number);
        &mut self.tasks[at.expect("the task is under way")]
    }

    /// The hunt of a task that is one.
    pub(super) fn hunt(&self, number: u32) -> &Hunt {
        let at = self.tasks.binary_search_by_key(&number, |task| task.number);
        self.tasks[at.expect("the task is under way")].hunt().expect("the task is a hunt")
    }

    /// The same, to be changed.
    pub(super) fn hunt_mut(&mut self, number: u32) -> &mut Hunt {
        match &mut self.task(number).work {
            Work::Hunt(hunt) => hunt,
            _ => unreachable!("the task is a hunt"),
        }
    }

    pub(super) fn hunts(&self) -> impl Iterator<Item = &Hunt> {
        self.tasks.iter().filter_map(Task::hunt)
    }

    /// Takes a task off the list.
    pub(super) fn end(&mut self, number: u32) -> Task {
        let at = self.tasks.binary_search_by_key(&number, |task| task.number);
        self.tasks.remove(at.expect("the task is under way"))
    }

    /// Draws made of a state for its estimate, those under way included: the number of the next one.
    pub(super) fn next_number(&self, node: NodeId) -> u32 {
        let under_way = self.draws.pending().filter(|(draw, _)| draw.node == node && !draw.is_soft());
        self.tree.node(node).estimate.drawn()
            + u32::try_from(under_way.count()).expect("draws fit the budget")
    }

    /// Decides so many more draws of a state for a task.
    pub(super) fn want(&mut self, task: u32, node: NodeId, more: u32) {
        let first = self.next_number(node);
        for number in first..first + more {
            self.draws.decide(Draw { node, number, task });
        }
        let task = self.task(task);
        task.wave.push(node);
        task.awaited += more;
    }

    /// Notes that a draw of a task is committed; whether it was the last one awaited.
    pub(super) fn one_less(&mut self, task: u32) -> bool {
        let task = self.task(task);
        task.awaited -= 1;
        if let Work::Hunt(hunt) = &mut task.work {
            hunt.made += 1;
        }
        task.awaited == 0
    }

    /// States with draws that were decided for any task and not all committed; the tasks forget them.
    pub(super) fn take_waves(&mut self) -> Vec<NodeId> {
        self.tasks.iter_mut().flat_map(|task| std::mem::take(&mut task.wave)).collect()
    }
}
