//! Tree search for Python: leaves go out and answers come in as columns of numbers, a batch in one call.

use crate::enter::locked;
use crate::errors::exception;
use omega_core::mcts::{Answers, By, Config};
use omega_core::{NodeId, QuestionId};
use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Mutex;

/// Many search trees under one configuration (JSON). It does no I/O; `omega_fast.search.mcts` says how to use it.
///
/// Columns are buffers of native 32-bit numbers, or of bytes; `None` is an empty one. Raises `ConfigError` for a configuration that cannot work.
#[pyclass(frozen, module = "omega_fast._core")]
pub(crate) struct Forest {
    inner: Mutex<omega_core::mcts::Forest>,
}

/// Step, node or `None`, visits, values, Q or `None`, prior, whether it may be chosen.
type ChildTuple = (u32, Option<u32>, u32, u32, Option<f32>, f32, bool);
/// `None` is an empty one: empty buffers of Python need not be aligned.
type Column<T> = Option<PyBuffer<T>>;

#[pymethods]
impl Forest {
    #[new]
    fn new(config: &str) -> PyResult<Self> {
        let config = Config::from_json(config).map_err(exception)?;
        Ok(Self { inner: Mutex::new(omega_core::mcts::Forest::new(config).map_err(exception)?) })
    }

    /// Adds so many trees and gives the number of the first; the others follow.
    fn add_trees(&self, py: Python<'_>, count: u32) -> u32 {
        locked(py, &self.inner, |forest| (0..count).map(|_| forest.add_tree().0).min().unwrap_or_default())
    }

    /// At most `max` requests as columns: tree, sequence, node, 1 where proposals are wanted, and the steps of their
    /// paths from the root, request i's at `offsets[i]` to `offsets[i + 1]`: (..., offsets, steps).
    fn poll<'py>(&self, py: Python<'py>, max: usize) -> [Bound<'py, PyBytes>; 6] {
        let columns = locked(py, &self.inner, |forest| forest.poll_columns(max));
        columns.map(|numbers| {
            PyBytes::new(py, &numbers.into_iter().flat_map(u32::to_ne_bytes).collect::<Vec<_>>())
        })
    }

    /// Answers requests, in any order and any subset.
    ///
    /// `kinds`: 0 evaluated, 1 evaluated and terminal, 2 proposed, 3 lost, 4 cancelled. `values` has one a role for each
    /// request. Request i's steps are `ids[offsets[i]:offsets[i + 1]]`, likewise `priors`; either may be empty, and so may
    /// `verdicts`, where NaN is none. Raises `InputError` for columns that do not fit, `OmegaError` for a request that is not in flight.
    #[expect(clippy::too_many_arguments, reason = "columns of one table")]
    fn answer(
        &self,
        py: Python<'_>,
        trees: Column<u32>,
        sequences: Column<u32>,
        kinds: Column<u8>,
        values: Column<f32>,
        verdicts: Column<f32>,
        offsets: Column<u32>,
        ids: Column<u32>,
        priors: Column<f32>,
    ) -> PyResult<()> {
        let (trees, sequences, kinds) = (read(py, trees)?, read(py, sequences)?, read(py, kinds)?);
        let (values, verdicts, offsets) = (read(py, values)?, read(py, verdicts)?, read(py, offsets)?);
        let (ids, priors) = (read(py, ids)?, read(py, priors)?);
        let answers = Answers { trees, sequences, kinds, values, verdicts, offsets, ids, priors };
        locked(py, &self.inner, |forest| forest.handle_columns(&answers)).map_err(exception)
    }

    /// Requests that can no longer matter, as (tree, sequence).
    fn poll_cancels(&self, py: Python<'_>) -> Vec<(u32, u32)> {
        let cancels = locked(py, &self.inner, omega_core::mcts::Forest::poll_cancels);
        cancels.into_iter().map(|id| (id.question.0, id.sequence)).collect()
    }

    /// Makes the root's child by this step the root; false if it was never visited. Raises `OmegaError` for no tree.
    fn advance(&self, py: Python<'_>, tree: u32, step: u32) -> PyResult<bool> {
        locked(py, &self.inner, |forest| forest.advance(QuestionId(tree), step)).map_err(exception)
    }

    /// Forgets a tree. Raises `OmegaError` if it is not there.
    fn retire(&self, py: Python<'_>, tree: u32) -> PyResult<()> {
        locked(py, &self.inner, |forest| forest.retire(QuestionId(tree)).map(drop)).map_err(exception)
    }

    /// The children of a node, or of the root: step, node or `None`, visits, values, Q or `None`, prior, whether open.
    #[pyo3(signature = (tree, node=None))]
    fn children(&self, py: Python<'_>, tree: u32, node: Option<u32>) -> PyResult<Vec<ChildTuple>> {
        let children = self.ask(py, tree, |tree| {
            node.map(NodeId).or(tree.root()).map(|node| tree.children(node)).unwrap_or_default()
        })?;
        let tuple = |it: omega_core::mcts::Child| {
            (it.step, it.node.map(|node| node.0), it.visits, it.values, it.q, it.prior, it.open)
        };
        Ok(children.into_iter().map(tuple).collect())
    }

    /// The steps of the best line, by most visits or, `by_value`, by the highest Q. Raises `OmegaError` for no tree.
    fn best_line(&self, py: Python<'_>, tree: u32, by_value: bool) -> PyResult<Vec<u32>> {
        self.ask(py, tree, |tree| tree.best_line(if by_value { By::Value } else { By::Visits }))
    }

    /// Every finished node as (steps from the root, value). Raises `OmegaError` for no tree.
    fn finished(&self, py: Python<'_>, tree: u32) -> PyResult<Vec<(Vec<u32>, f32)>> {
        self.ask(py, tree, |tree| {
            tree.finished().into_iter().map(|(node, value)| (tree.path(node), value)).collect()
        })
    }

    /// Simulations made, the root's Q or `None`, requests in flight, bytes. Raises `OmegaError` for no tree.
    fn state(&self, py: Python<'_>, tree: u32) -> PyResult<(u32, Option<f32>, usize, usize)> {
        self.ask(py, tree, |tree| (tree.simulations(), tree.root_value(), tree.in_flight(), tree.bytes()))
    }

    /// Whether no tree has anything left to do.
    #[getter]
    fn is_done(&self, py: Python<'_>) -> bool {
        locked(py, &self.inner, |forest| forest.is_done())
    }
}

impl Forest {
    fn ask<R: Send>(
        &self,
        py: Python<'_>,
        tree: u32,
        what: impl FnOnce(&omega_core::mcts::Tree) -> R + Send,
    ) -> PyResult<R> {
        locked(py, &self.inner, |forest| forest.tree(QuestionId(tree)).map(what)).map_err(exception)
    }
}

fn read<T: Element>(py: Python<'_>, column: Column<T>) -> PyResult<Vec<T>> {
    column.map_or_else(|| Ok(Vec::new()), |column| column.to_vec(py))
}
