//! Core errors as Python exceptions; the classes live in Python, where they have docstrings and types.

use omega_core::Error;
use pyo3::PyErr;

pyo3::import_exception!(omega_fast.errors, ConfigError);
pyo3::import_exception!(omega_fast.errors, InputError);
pyo3::import_exception!(omega_fast.errors, OmegaError);
pyo3::import_exception!(omega_fast.errors, StoreError);

#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
pub(crate) fn exception(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Config { .. } | Error::ConfigText(_) => ConfigError::new_err(message),
        Error::Malformed { .. } | Error::Solution { .. } | Error::Columns(_) => InputError::new_err(message),
        Error::Snapshot(_) => StoreError::new_err(message),
        _ => OmegaError::new_err(message),
    }
}
