//! Step cuts without a search, for previews.

use crate::errors::exception;
use omega_core::{Config, Splitter};
use pyo3::prelude::*;

/// The offsets in UTF-8 bytes at which the steps of `text` end, under the split rule of a search configuration.
///
/// `config` is the JSON that `Scheduler` takes. Raises `ConfigError` for one that cannot work.
#[pyfunction]
#[pyo3(signature = (config, text, token_ends=Vec::new()))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from a Python list")]
pub(crate) fn step_cuts(config: &str, text: &str, token_ends: Vec<i32>) -> PyResult<Vec<u32>> {
    let config = Config::from_json(config).map_err(exception)?;
    let splitter = Splitter::new(&config.split).map_err(exception)?;
    Ok(splitter.cuts(text, &token_ends))
}
