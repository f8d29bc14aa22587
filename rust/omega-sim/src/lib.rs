//! A simulated world with planted first errors.
