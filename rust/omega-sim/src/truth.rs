//! What the oracle reads from a text: every step begins with `r` or `w`, and nobody else looks.

/// The steps of a text of the world, separators included.
pub fn steps(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Position of the first wrong step, from 0.
pub fn first_error(text: &str) -> Option<usize> {
    text.split_inclusive('\n').position(|step| step.starts_with('w'))
}

/// Whether every step is right.
pub fn prefix_is_right(text: &str) -> bool {
    first_error(text).is_none()
}
