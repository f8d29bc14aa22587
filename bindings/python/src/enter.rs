//! The one place where a call lets go of the interpreter and takes the lock.

use pyo3::Python;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs `work` on the locked value with the interpreter released, so that no two calls can block each other on it.
pub(crate) fn locked<T: Send, R: Send>(
    py: Python<'_>,
    value: &Mutex<T>,
    work: impl FnOnce(&mut T) -> R + Send,
) -> R {
    py.detach(|| {
        // A panic in the core is a bug that has already reached the caller; the value is not used after it.
        let mut guard: MutexGuard<'_, T> = value.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut guard)
    })
}
