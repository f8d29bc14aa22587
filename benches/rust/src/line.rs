//! One line a bar, for people and for `benches/bars.py`.

use std::fmt::Display;

/// Which side of the bar a figure is to be on.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// The figure may not be below.
    AtLeast,
    /// The figure may not be above.
    AtMost,
}

/// Prints a bar: what it is, its figure, the baseline's, the bar, and whether it is reached. Only what it is may have
/// blanks, so those of a baseline become hyphens.
#[expect(clippy::print_stdout, reason = "it is what a benchmark says")]
pub fn bar(name: &str, what: impl Display, figure: f64, baseline: impl Display, side: Verdict, bar: f64) {
    let (reached, sign) = match side {
        Verdict::AtLeast => (figure >= bar, ">="),
        Verdict::AtMost => (figure <= bar, "<="),
    };
    let baseline = baseline.to_string().replace(' ', "-");
    let ok = if reached { "ok" } else { "short" };
    println!("{name} figure={figure:.3} baseline={baseline} bar={sign}{bar} {ok} | {what}");
}

/// Prints that a bar cannot be measured here, and why.
#[expect(clippy::print_stdout, reason = "it is what a benchmark says")]
pub fn absent(name: &str, what: impl Display, why: &str) {
    println!("{name} figure=none baseline=none bar=none absent | {what}: {why}");
}
