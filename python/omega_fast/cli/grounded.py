"""`omega grounded`: roots, tool-verified search trees and critiques of steps, as GroundedPRM makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from omega_fast.cli.commands import add_command
from omega_fast.cli.convert import quarantined
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.errors import ConfigError
from omega_fast.grounded.counts import StageCounts
from omega_fast.grounded.settings import GroundedSettings, read_settings, template
from omega_fast.store.files import refuse_foreign

__all__ = ["app"]

app = typer.Typer(
    name="grounded",
    help="Label steps with tools and judges, and make a generative reward model's data (GroundedPRM).",
    no_args_is_help=True,
    add_completion=False,
)

Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Which model plays which role, and which tools check; 'omega grounded init' writes a template.",
        show_default=False,
    ),
]


def _init(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path(
        "grounded.yaml"
    ),
) -> Outcome:
    """Write the commented template of a configuration."""
    if output.exists():
        raise ConfigError(f"{output} is there already", hint="name another file")
    try:
        output.write_text(template(), "utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write {output}: {error.strerror or error}", hint="check the path"
        ) from error
    return Outcome({"path": str(output)}, pairs([("file", str(output))]))


def _root(
    *,
    task_file_path: Annotated[
        str,
        typer.Option(
            metavar="PATH|ledger",
            help="A folder with a problem in each file, as MATH has it, a question file, or the embedded task.",
            show_default=False,
        ),
    ],
    output_file_path: Annotated[
        Path, typer.Option("--output-file-path", "-o", metavar="FILE", help="The roots.")
    ] = Path("outputs/root/root.json"),
    max_files: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Read so many files or rows; of the embedded task 100 unless given.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    writer: Annotated[
        Literal["auto", "model", "rules"],
        typer.Option(
            metavar="[auto|model|rules]",
            help="Who writes roots: the policy, or rules, which need no model; 'auto' takes rules for ledger.",
        ),
    ] = "auto",
    ledger_split: Annotated[
        Literal["train", "validation", "test", "long"],
        typer.Option(metavar="[train|validation|test|long]", help="Which problems of the embedded task."),
    ] = "train",
    skin: Annotated[
        Literal["plain", "story"],
        typer.Option(metavar="[plain|story]", help="How the embedded task is told."),
    ] = "plain",
    seed: Annotated[int, typer.Option(help="Seed of the job; another one asks for other answers.")] = 0,
) -> Outcome:
    """Restate problems as conditions and an objective; the same command goes on where it was left."""
    from omega_fast.grounded.root_job import write_roots  # noqa: PLC0415 - other commands start faster without it

    settings = GroundedSettings() if config is None else read_settings(config)
    with stop_on_signals() as stop:
        done = write_roots(
            task_file_path,
            output_file_path,
            settings,
            writer=writer,
            most=max_files,
            split=ledger_split,
            skin=skin,
            seed=seed,
            stop=stop,
        )
    reasons = [(f"quarantined: {reason[:80]}", count) for reason, count in list(done.reasons.items())[:10]]
    calls = [(name.replace("_", " "), count) for name, count in done.calls.items()]
    view = pairs([("file", str(done.path)), ("read", done.read), ("roots", done.roots), *reasons, *calls])
    code, warnings = quarantined(done.quarantined, done.quarantine)
    if not done.complete:
        return Outcome(
            done.to_dict(), view, ExitCode.INTERRUPTED, (*warnings, "interrupted: nothing is written yet")
        )
    return Outcome(done.to_dict(), view, code, warnings)


def _search(
    *,
    outputs_dir: Annotated[
        Path, typer.Option("--outputs-dir", "-o", metavar="FOLDER", help="Where trees and samples go.")
    ] = Path("outputs/state_trace"),
    root_dir: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the roots are.")] = Path(
        "outputs/root"
    ),
    task_file: Annotated[str, typer.Option(metavar="NAME", help="Their file in that folder.")] = "root.json",
    start_index: Annotated[int, typer.Option(min=0, help="The first problem, from 0.")] = 0,
    end_index: Annotated[
        int | None, typer.Option(min=0, help="The first one that is left out.", show_default=False)
    ] = None,
    max_workers: Annotated[int, typer.Option(min=1, help="Problems in flight at once.")] = 1000,
    config: Config = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Simulations; by level 8 or 12.", show_default=False)
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Most steps of a path; by level 5 or 9.", show_default=False)
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Actions proposed in one expansion.")] = 3,
    enough: Annotated[
        int, typer.Option(min=1, help="Right and wrong samples, so many of each, that end a search.")
    ] = 3,
    fusion: Annotated[
        Literal["normalised", "released"],
        typer.Option(metavar="[normalised|released]", help="How verdicts and outcome become one value."),
    ] = "normalised",
    outcome_weight: Annotated[
        float, typer.Option(min=0, max=1, help="The outcome's share in the normalised fusion.")
    ] = 0.3,
    canary_rate: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Known steps sent for each that is checked, to see what verdicts are worth."
        ),
    ] = 0.03,
    seed: Annotated[int, typer.Option(help="Seed of all calls.")] = 0,
) -> Outcome:
    """Search each problem with tools and judges checking every step; the same command goes on where it was left."""
    from omega_fast.grounded.search_folder import SEARCHED  # noqa: PLC0415 - other commands start faster without it
    from omega_fast.grounded.search_job import run_search  # noqa: PLC0415 - other commands start faster without it
    from omega_fast.grounded.search_settings import SearchSettings  # noqa: PLC0415 - the same

    chosen = SearchSettings(
        rounds=rounds,
        depth=depth,
        width=width,
        enough=enough,
        fusion=fusion,
        outcome_weight=outcome_weight,
        canary_rate=canary_rate,
        seed=seed,
    )
    refuse_foreign(
        outputs_dir, "search of omega grounded", marks={"calls", "mcts_tree", "training_samples", SEARCHED}
    )
    with stop_on_signals() as stop:
        done = run_search(
            root_dir / task_file,
            outputs_dir,
            GroundedSettings() if config is None else read_settings(config),
            chosen,
            start=start_index,
            end=end_index,
            in_flight=max_workers,
            stop=stop,
        )
    failed = [(f"failed: {reason[:80]}", count) for reason, count in done.failed.most_common(10)]
    calls = [(name.replace("_", " "), count) for name, count in done.calls.items()]
    rows = [("folder", str(done.folder)), ("problems", done.problems), ("searched", done.searched)]
    view = pairs([*rows, *failed, *done.counts.items(), *calls, *done.canaries.lines()])
    code = ExitCode.INTERRUPTED if not done.complete else ExitCode.PARTIAL if failed else ExitCode.DONE
    return Outcome(done.to_dict(), view, code, done.warnings)


def _extract(
    *,
    meta_path: Annotated[
        Path, typer.Option(metavar="FILE", help="The roots that the trees were made from.")
    ] = Path("outputs/root/root.json"),
    tree_dir: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The search trees, one in each file.")
    ] = Path("outputs/state_trace/mcts_tree"),
    output_json: Annotated[
        Path, typer.Option("--output-json", "-o", metavar="FILE", help="The paths.")
    ] = Path("data/synthetic_data/syn_data.json"),
    min_depth: Annotated[int, typer.Option(min=1, help="Fewest steps of a path that comes to no end.")] = 1,
) -> Outcome:
    """Take the paths out of search trees: all that end, and those deep enough."""
    from omega_fast.grounded.extracting import extract_paths  # noqa: PLC0415 - other commands start faster without it

    return _stage(extract_paths(meta_path, tree_dir, output_json, min_depth=min_depth), "paths")


def _filter(
    *,
    input_json: Annotated[Path, typer.Option(metavar="FILE", help="The paths.")] = Path(
        "data/synthetic_data/syn_data.json"
    ),
    output_json: Annotated[
        Path, typer.Option("--output-json", "-o", metavar="FILE", help="The consistent paths.")
    ] = Path("data/filtered_data/fixed_data.json"),
) -> Outcome:
    """Keep the paths in which the sign of each step's value agrees with its verdict."""
    from omega_fast.grounded.filtering import filter_paths  # noqa: PLC0415 - other commands start faster without it

    return _stage(filter_paths(input_json, output_json), "paths")


def _construct(
    *,
    input_json: Annotated[Path, typer.Option(metavar="FILE", help="The consistent paths.")] = Path(
        "data/filtered_data/fixed_data.json"
    ),
    output_dir: Annotated[
        Path,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="FOLDER",
            help="Where training.json, sharegpt.json, messages.jsonl, trl.jsonl and dataset_info.json go.",
        ),
    ] = Path("data/train"),
    system: Annotated[str, typer.Option(metavar="TEXT", help="A system message for each conversation.")] = "",
) -> Outcome:
    """Cut paths after their first wrong step and write conversations with a critique of each step."""
    from omega_fast.grounded.constructing import construct_training  # noqa: PLC0415 - the same

    return _stage(construct_training(input_json, output_dir, system=system), "conversations")


def _stage(counts: StageCounts, what: str) -> Outcome:
    rejected = [(f"rejected: {reason[:80]}", count) for reason, count in counts.rejected.most_common(10)]
    rows = [("file", str(counts.path)), ("read", counts.read), (f"{what} kept", counts.kept), *rejected]
    warnings = () if counts.kept else (f"no {what} were kept",)
    return Outcome(counts.to_dict(), pairs([*rows, *counts.noted.items()]), warnings=warnings)


add_command(app, "init", _init)
add_command(app, "root", _root)
add_command(app, "search", _search)
add_command(app, "extract", _extract)
add_command(app, "filter", _filter)
add_command(app, "construct", _construct)
