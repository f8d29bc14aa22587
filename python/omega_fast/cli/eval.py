"""`omega eval`: what a process reward model is worth, on published benchmarks and on sets of the embedded task."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Group
from rich.table import Table

from omega_fast.cli.commands import add_command
from omega_fast.cli.convert import SourceFormat, quarantined
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, pairs, plain, say
from omega_fast.cli.scorer_flags import ScorerFlags, with_scorer
from omega_fast.models.aggregate import AGGREGATIONS
from omega_fast.summary import EvalSummary

__all__ = ["app"]

app = typer.Typer(
    name="eval", help="Judge a process reward model.", no_args_is_help=True, add_completion=False
)

_SECONDS_BETWEEN_LINES = 10.0

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="The rows; see docs/evaluation.md.", show_default=False),
]
Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output-dir",
        metavar="FOLDER",
        help="Where scores and results go; the same one goes on where it was left.",
        show_default=False,
    ),
]


@with_scorer
def _processbench(
    files: Files,
    *,
    output: Output,
    scorer: ScorerFlags,
    verdicts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='Rows of {"id", "verdicts"}: what a model that writes verdicts said, for a majority.',
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER",
            help="A step with a lower score is wrong; chosen on --threshold-subset if left out.",
            show_default=False,
        ),
    ] = None,
    threshold_subset: Annotated[
        str, typer.Option(metavar="TEXT", help="The one subset on which the threshold is chosen.")
    ] = "gsm8k",
) -> Outcome:
    """Find the first wrong step of each solution, as ProcessBench asks."""
    found = load_jobs().eval_processbench(
        files,
        scorer=scorer.prm,
        output=output,
        shape=scorer.shape,
        options=scorer.options,
        verdicts=verdicts,
        threshold=threshold,
        threshold_subset=threshold_subset,
        on_progress=_Progress(),
    )
    results = found.results
    table = _table("subset", "F1", "errors found", "right kept", "errors", "right")
    for name, each in results["subsets"].items():
        interval = f"{each['f1']:.3f} ({each['f1_low']:.3f}-{each['f1_high']:.3f})"
        shares = f"{each['acc_err']:.3f}", f"{each['acc_ok']:.3f}"
        table.add_row(*map(plain, (name, interval, *shares, each["errors"], each["right"])))
    rows: list[tuple[str, object]] = [("average F1", f"{results['average_f1']:.3f}")]
    if "threshold" in results:
        rows += [
            ("threshold", f"{results['threshold']:.4g}, {results['threshold_origin']}"),
            (
                "average F1, thresholds searched on test",
                f"{results['threshold_searched_on_test']['average_f1']:.3f}",
            ),
            *_calibration(results["steps"]),
            ("lowest score on the last step", _share(results)),
        ]
    else:
        rows += [
            ("verdicts a row", results["samples"]),
            ("verdicts that cannot be read", results["unreadable_verdicts"]),
        ]
    return _outcome(found, table, pairs(rows))


@with_scorer
def _prmbench(
    files: Files,
    *,
    output: Output,
    scorer: ScorerFlags,
    threshold: Annotated[
        float, typer.Option(metavar="NUMBER", help="A step with a higher score is right.")
    ] = 0.5,
) -> Outcome:
    """Tell wrong steps from right ones by kind of error, as PRMBench asks."""
    found = load_jobs().eval_prmbench(
        files,
        scorer=scorer.prm,
        output=output,
        shape=scorer.shape,
        options=scorer.options,
        threshold=threshold,
        on_progress=_Progress(),
    )
    table = _table("class", "PRMScore", "F1", "F1 of wrong steps")
    for name, each in {**found.results["classes"], "all": found.results["overall"]}.items():
        table.add_row(*map(plain, (name, *(f"{each[key]:.3f}" for key in ("prm_score", "f1", "f1_neg")))))
    return _outcome(found, table)


def _rule(name: str) -> str:
    if name not in AGGREGATIONS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(AGGREGATIONS)}")
    return name


@with_scorer
def _best_of_n(
    files: Files,
    *,
    output: Output,
    scorer: ScorerFlags,
    gold: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Questions with gold answers, where the rows have none.", show_default=False
        ),
    ] = None,
    verifier: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION", help="Judges answers, as in omega annotate.", show_default=False
        ),
    ] = None,
    plain_answers: Annotated[
        bool, typer.Option(help="Take the last number of a solution that marks no answer.")
    ] = False,
    separator: Annotated[str, typer.Option(metavar="TEXT", help="What separates steps.")] = r"\n\n",
    split_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help=r"What separates steps instead, such as 'Step \d+:'.", show_default=False
        ),
    ] = None,
    aggregation: Annotated[
        list[str],
        typer.Option(
            metavar=f"[{'|'.join(AGGREGATIONS)}]",
            parser=_rule,
            help="How step scores become one; may be repeated.",
        ),
    ] = ["min", "prod", "last"],  # noqa: B006 - typer copies it
    seed: Annotated[
        int, typer.Option(metavar="INTEGER", help="Of the subsets drawn for weighted votes.")
    ] = 0,
) -> Outcome:
    """Choose among N samples of each question by score, majority and weighted vote; pass@k beside them."""
    found = load_jobs().eval_best_of_n(
        files,
        scorer=scorer.prm,
        output=output,
        shape=scorer.shape,
        options=scorer.options,
        gold=gold,
        verifier=verifier,
        plain_answers=plain_answers,
        separator=separator.replace(r"\n", "\n").replace(r"\t", "\t"),
        split_pattern=split_pattern,
        aggregations=aggregation,
        seed=seed,
        on_progress=_Progress(),
    )
    results = found.results
    counts = [(name, results[name]) for name in ("questions", "samples", "unjudged", "unscored")]
    parts = [_chosen(each, name) for name, each in results["files"].items()]
    return _outcome(found, *parts, _chosen(results, "all" if parts else ""), pairs(counts))


def _chosen(figures: Mapping[str, Any], title: str) -> Table:
    """What each way of choosing gives at each N, in percent."""
    sizes = list(figures["pass"])
    table = _table(f"{title} % right".strip(), *(f"N = {n}" for n in sizes))
    lines = {"pass@N": figures["pass"], "majority": figures["majority"]}
    lines |= {f"best by {rule}": each for rule, each in figures["best"].items()}
    lines |= {f"weighted by {rule}": each for rule, each in figures["weighted"].items()}
    for name, each in lines.items():
        cells = (
            f"{100 * each[n]['value']:.1f} ({100 * each[n]['low']:.1f}-{100 * each[n]['high']:.1f})"
            for n in sizes
        )
        table.add_row(*map(plain, (name, *cells)))
    return table


@with_scorer
def _calibrated(
    files: Files,
    *,
    output: Output,
    scorer: ScorerFlags,
    from_: SourceFormat = "auto",
) -> Outcome:
    """Compare step scores with the labels of solutions in any format: hard labels, and MC."""
    found = load_jobs().eval_calibration(
        files,
        scorer=scorer.prm,
        output=output,
        from_=from_,
        shape=scorer.shape,
        options=scorer.options,
        on_progress=_Progress(),
    )
    table = _table("against", "steps", "AUROC", "Brier score", "ECE, 10 bins")
    for name, key in (("hard labels", "hard_labels"), ("MC", "mc")):
        each = found.results[key]
        cells = ("none" if each[n] is None else f"{each[n]:.3f}" for n in ("auroc", "brier", "ece"))
        table.add_row(*map(plain, (name, each["steps"], *cells)))
    return _outcome(found, table, pairs([("lowest score on the last step", _share(found.results))]))


def _ledger_sets(
    output: Output,
    *,
    rows: Annotated[
        int,
        typer.Option(
            min=4,
            metavar="INTEGER",
            help="Rows of each ProcessBench subset; 4 have one of each kind, and two right ones.",
        ),
    ] = 400,
    questions: Annotated[
        int,
        typer.Option(min=1, metavar="INTEGER", help="Questions of each length, for best-of-N and PRMBench."),
    ] = 40,
    samples: Annotated[int, typer.Option(min=1, metavar="INTEGER", help="Samples a question.")] = 64,
    seed: Annotated[int, typer.Option(metavar="INTEGER", help="Equal seeds make equal files.")] = 0,
    skin: Annotated[
        Literal["plain", "story"], typer.Option(metavar="[plain|story]", help="How the problems are told.")
    ] = "plain",
) -> Outcome:
    """Write a ProcessBench, a PRMBench and a best-of-N set of the embedded task, with exact labels."""
    made = load_jobs().make_ledger_sets(
        output, rows=rows, questions=questions, samples=samples, seed=seed, skin=skin
    )
    view = pairs([*made.sizes.items(), ("seconds", made.seconds)])
    return Outcome(made.to_dict(), view)


_COMMANDS: dict[str, Callable[..., Outcome]] = {
    "processbench": _processbench,
    "prmbench": _prmbench,
    "best-of-n": _best_of_n,
    "calibration": _calibrated,
    "ledger-sets": _ledger_sets,
}
for _name, _function in _COMMANDS.items():
    add_command(app, _name, _function)


def _outcome(found: EvalSummary, *parts: Any) -> Outcome:
    code, warnings = quarantined(found.quarantined, found.quarantine)
    if found.results.get("outcome_like"):
        share = f"{found.results['minima_on_last']:.0%}"
        warnings = (
            *warnings,
            f"{share} of solutions have their lowest score on the last step: it judges outcomes",
        )
    known = found.asked.get("solutions", 0) - found.asked.get("scored", 0)
    told: list[tuple[str, object]] = [("rows", found.rows)]
    told += [("scores known already", known)] if known else []
    end = pairs([*told, ("files", str(found.output)), ("seconds", found.seconds)])
    return Outcome(found.to_dict(), Group(*parts, end), code, warnings, quiet=found.rank > 0)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for at, name in enumerate(names):
        table.add_column(name, justify="right" if at else "left")
    return table


def _calibration(steps: Mapping[str, Any]) -> list[tuple[str, object]]:
    names = {"auroc": "step AUROC", "brier": "step Brier score", "ece": f"step ECE, {steps['ece_bins']} bins"}
    return [(name, "none" if steps[key] is None else f"{steps[key]:.3f}") for key, name in names.items()]


def _share(results: Mapping[str, Any]) -> str:
    share = results["minima_on_last"]
    return "none" if share is None else f"{share:.1%} of solutions"


class _Progress:
    """A line on stderr now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
            say(f"scored {done:,} of {total:,}")
