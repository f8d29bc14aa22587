"""`benches/bars.py`: what it takes from a benchmark, what it keeps, and when it fails."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bars() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bars", ROOT / "benches/bars.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["bars"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measure(bars: ModuleType, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Runs bars whose benchmarks are given as Python programs; the status, and what was written."""
    file = tmp_path / "results.json"

    def run(*given: str, **programs: Any) -> tuple[int, dict[str, Any]]:
        known = {name: bar(bars, program) for name, program in programs.items()}
        return bars.main(given, known, file), json.loads(file.read_text())

    return run


def bar(bars: ModuleType, program: Any) -> Any:
    if isinstance(program, str):
        program = bars.Part((sys.executable, "-c", program))
    return program if isinstance(program, bars.Bar) else bars.Bar("a bar", ("1", "1"), (program,))


def printing(*lines: str, status: int = 0) -> str:
    return f"import sys\nfor line in {lines!r}: print(line)\nsys.exit({status})"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("P4 figure=1.2 baseline=3M/s bar=>=0.65 ok | one tree", ("P4", "", "1.2", "ok", "one tree")),
        ("P10 figure=9 baseline=none bar=<=8 short", ("P10", "", "9", "short", None)),
        ("P1b figure=-3 baseline=0.4(k=8) bar=>=15 short | a | b", ("P1", "b", "-3", "short", "a | b")),
        (
            "P3 figure=none baseline=none bar=none absent | no engine",
            ("P3", "", "none", "absent", "no engine"),
        ),
    ],
)
def test_a_line_of_a_bar_is_taken_apart(bars: ModuleType, text: str, found: tuple[str | None, ...]) -> None:
    assert bars.LINE.match(text).group("bar", "part", "figure", "verdict", "what") == found


@pytest.mark.parametrize(
    "text",
    [
        "P4 figure=1.2 bar=>=0.65 ok | no baseline",
        "P4 figure=1.2 baseline=3 bar=>=0.65 fine | no such verdict",
        "P4 figure= baseline=3 bar=>=0.65 ok",
        "see P4 figure=1.2 baseline=3 bar=>=0.65 ok",
        "P4 figure=1.2 baseline=3 bar=>=0.65 ok trailing words",
        "P4 figure=1.2 baseline=3M/s(tree2, depth 4) bar=>=0.65 ok",
    ],
)
def test_what_is_not_quite_a_line_is_not_taken_for_one(bars: ModuleType, text: str) -> None:
    assert bars.LINE.match(text) is None


def test_a_bar_that_is_reached_ends_with_0_and_is_written(measure: Any, capsys: Any) -> None:
    reached = "P4 figure=1.2 baseline=3 bar=>=0.65 ok | one tree"
    status, written = measure(P4=printing("talk", reached))
    assert status == 0
    (line,) = written["P4"]
    assert (line["figure"], line["limit"], line["verdict"], line["what"]) == (
        "1.2",
        ">=0.65",
        "ok",
        "one tree",
    )
    assert capsys.readouterr().out == f"talk\n{reached}\n"


def test_one_short_figure_among_good_ones_ends_with_1(measure: Any) -> None:
    good, short = "P4 figure=1 baseline=3 bar=>=0.65 ok", "P4 figure=.1 baseline=3 bar=>=0.65 short"
    status, written = measure(P4=printing(good, short, good))
    assert status == 1
    assert [line["verdict"] for line in written["P4"]] == ["ok", "short", "ok"]


def test_a_benchmark_that_fails_is_absent_with_its_status_and_ends_with_1(measure: Any, capsys: Any) -> None:
    status, written = measure(P2=printing("P2 figure=1 baseline=3 bar=>=0.65 ok", status=3))
    assert status == 1
    assert [line["verdict"] for line in written["P2"]] == ["ok", "absent"]
    assert "ended with status 3" in written["P2"][1]["what"]
    assert "P2 figure=none baseline=none bar=none absent | python -c" in capsys.readouterr().out


def test_a_benchmark_that_cannot_start_is_absent_and_ends_with_1(bars: ModuleType, measure: Any) -> None:
    status, written = measure(P2=bars.Part(("/nowhere/to/be/found",)))
    assert status == 1
    assert "/nowhere/to/be/found did not start" in written["P2"][0]["what"]


def test_a_benchmark_without_a_line_of_its_bar_ends_with_1(measure: Any) -> None:
    status, written = measure(P2=printing("all went well", "P3 figure=1 baseline=3 bar=>=1 ok"))
    assert status == 1
    assert [line["verdict"] for line in written["P2"]] == ["absent"]
    assert "printed no line of it" in written["P2"][0]["what"]


def test_a_line_that_cannot_be_read_ends_with_1_and_is_named(measure: Any) -> None:
    good, torn = "P4 figure=1 baseline=3 bar=>=0.65 ok", "P4 figure=1 baseline=3M/s (tree2) bar=>=0.65 ok"
    status, written = measure(P4=printing(good, torn))
    assert status == 1
    assert [line["verdict"] for line in written["P4"]] == ["ok", "absent"]
    assert written["P4"][1]["what"].endswith(f"printed a line that cannot be read: {torn}")


def test_what_this_machine_cannot_measure_is_absent_with_the_reason_and_no_failure(
    bars: ModuleType, measure: Any
) -> None:
    away = bars.Part(("no-such-program",), needs=Path("no/such/place"), hint="make setup-vllm")
    status, written = measure(P3=away, P7=bars.Bar("training", absent="not built yet"))
    assert status == 0
    assert written["P7"][0]["what"] == "not built yet"
    assert "there is no no/such/place, which `make setup-vllm` makes" in written["P3"][0]["what"]


def test_a_benchmark_that_two_bars_share_runs_once(bars: ModuleType, measure: Any, tmp_path: Path) -> None:
    lines = [f"{name} figure=1 baseline=3 bar=>=1 ok" for name in ("P8", "P10")]
    program = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\n{printing(*lines)}"
    shared = bars.Part((sys.executable, "-c", program))
    status, written = measure(P8=shared, P10=shared)
    assert status == 0
    assert [len(written[name]) for name in ("P8", "P10")] == [1, 1]
    assert (tmp_path / "runs").read_text() == "x"
    assert list(written) == ["P8", "P10"]


def test_a_quick_size_is_named_in_the_line_and_one_that_has_none_is_not(
    bars: ModuleType, measure: Any, capsys: Any
) -> None:
    program = "import sys; print('P9 figure=' + sys.argv[1], 'baseline=1 bar=>=1 ok | memory')"
    both = bars.Part((sys.executable, "-c", program), sized=("100",), quick=("5",))
    _, quick = measure("--quick", P9=both, P4=printing("P4 figure=1 baseline=3 bar=>=1 ok | trees"))
    assert (quick["P9"][0]["figure"], quick["P9"][0]["size"], quick["P4"][0]["size"]) == (
        "5",
        "quick",
        "full",
    )
    out = capsys.readouterr().out
    assert "P9 figure=5 baseline=1 bar=>=1 ok | memory (quick size)\n" in out
    assert "ok | trees\n" in out
    _, full = measure(P9=both)
    assert (full["P9"][0]["figure"], full["P9"][0]["size"]) == ("100", "full")


def test_only_the_bars_that_are_named_are_run_and_the_others_keep_their_figures(measure: Any) -> None:
    first, second = (printing(f"P{n} figure={n} baseline=3 bar=>=1 ok") for n in (2, 5))
    measure(P2=first, P5=second)
    status, written = measure("P5", P2=printing(status=9), P5=printing("P5 figure=8 baseline=3 bar=>=1 ok"))
    assert status == 0
    assert (written["P2"][0]["figure"], written["P5"][0]["figure"]) == ("2", "8")


def test_a_bar_that_does_not_exist_is_refused_before_anything_runs(bars: ModuleType, tmp_path: Path) -> None:
    assert bars.main(["P4", "P44"], {"P4": bar(bars, printing())}, tmp_path / "results.json") == 2
    assert not (tmp_path / "results.json").exists()


def test_every_bar_of_the_project_has_an_entry_whose_files_exist(bars: ModuleType) -> None:
    assert list(bars.BARS) == [f"P{number}" for number in range(1, 11)]
    scripts = {
        word for each in bars.BARS.values() for part in each.parts for word in part.full if ".py" in word
    }
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_the_help_says_how_long_each_bar_takes(bars: ModuleType, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        bars.main(["--help"])
    said = capsys.readouterr().out
    for name, each in bars.BARS.items():
        assert f"{name:<4} {each.what}" in said
