//! Step cuts without a search, for previews.

use crate::errors::{InputError, exception};
use omega_core::Config;
use pyo3::prelude::*;

/// The offsets in UTF-8 bytes at which the steps of `text` end, under the split rule of a search configuration.
///
/// `config` is the JSON that `Scheduler` takes, `text` what the policy went on with after `prefix`. Raises `ConfigError` for one that cannot work, `InputError` for token
/// ends that do not fit the text.
#[pyfunction]
#[pyo3(signature = (config, text, token_ends=Vec::new(), prefix=""))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from a Python list")]
pub(crate) fn step_cuts(config: &str, text: &str, token_ends: Vec<i32>, prefix: &str) -> PyResult<Vec<u32>> {
    let config = Config::from_json(config).map_err(exception)?;
    let splitter = config.splitter().map_err(exception)?;
    let known = || token_ends.iter().filter(|&&end| end != -1);
    let inside = |end: i32| usize::try_from(end).is_ok_and(|end| text.is_char_boundary(end));
    if !known().is_sorted() || !known().all(|&end| inside(end)) {
        return Err(InputError::new_err("token ends must rise within the text and fall between characters"));
    }
    Ok(splitter.cuts_after(prefix, text, &token_ends))
}
