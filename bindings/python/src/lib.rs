//! `omega_fast._core`: the search core for Python.

mod enter;
mod errors;
mod forest;
mod log;
mod request;
mod response;
mod scheduler;
mod split;

/// The compiled search core. Use `omega_fast`; this module is private and may change.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::forest::Forest;
    #[pymodule_export]
    use crate::log::LogLines;
    #[pymodule_export]
    use crate::log::Recorded;
    #[pymodule_export]
    use crate::request::Request;
    #[pymodule_export]
    use crate::response::Response;
    #[pymodule_export]
    use crate::scheduler::Scheduler;
    #[pymodule_export]
    use crate::split::step_cuts;
}
