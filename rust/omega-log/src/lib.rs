//! Lines of a run's log, from bytes: checked, read, and recorded draws matched with the requests that ask for them.
//!
//! Pure functions over bytes; files are somebody else's. `docs/run-directory.md` says what a log holds.

mod entry;
mod line;
mod recorded;

pub use entry::{Lost, Response, Rollout, Spoken, read};
pub use line::{Chain, Checked, Line, check};
pub use recorded::{Asked, Paid, Recorded, Told};
