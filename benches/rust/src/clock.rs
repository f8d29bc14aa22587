//! Time on a machine that others use too.

#![expect(unsafe_code, reason = "the thread's own clock is a C call")]

/// Seconds of processor time that `work` took on this thread: waiting for a turn does not count.
pub fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = now();
    let result = work();
    (now() - before, result)
}

/// The middle of some measurements.
pub fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn now() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec to a place that holds one.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "every thread has a clock");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
