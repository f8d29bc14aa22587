"""Guided search against a faulty server: the same rows as without faults, or a run that goes on where it stopped."""

from __future__ import annotations

import json
from collections import Counter
from threading import Event

import pytest
from scripted_server import Act, say
from test_openai_runs import RETRIES, weather
from tests.engine.fakes import questions

from omega_fast.config import resolve
from omega_fast.errors import BackendError
from omega_fast.jobs import eval_guided
from omega_fast.jobs.guided_settings import run_overrides
from omega_fast.store import RunDirectory


class Marks:
    """What a perfect model would say of the fake policy's solutions."""

    def score_many(self, solutions):
        return [
            [0.1 if "bad" in "".join(steps[: at + 1]) else 0.9 for at in range(len(steps))]
            for _, steps in solutions
        ]


def searched(folder, backend, method="beam"):
    given = {"question_file": "given", "model_name": "tiny", "output_dir": folder, "separator": "\n"}
    search = {"method": method, "n": 8, "beam_width": 4, "end_pattern": "^answer"}
    config = resolve(env={}, overrides=run_overrides({**given, "max_new_tokens": 200, "grace_period": 5}))
    return eval_guided(config, search, scorer=Marks(), questions=questions(4), backend=backend)


def rows(folder):
    """What was found; what a server counts of the tokens after a stop text is its own."""
    lines = (folder / "rows.jsonl").read_text().splitlines()
    return [[(each["text"], each["scores"]) for each in json.loads(line)["candidates"]] for line in lines]


def draws(folder):
    records = RunDirectory.read(folder).records({"draw"})
    return Counter((each.body["question"], each.body["state"], each.body["draw"]) for each in records)


@pytest.mark.parametrize("method", ["beam", "omega"])
def test_a_search_in_bad_weather_finds_what_one_without_finds(serve, open_on, tmp_path, method):
    searched(tmp_path / "quiet", open_on(serve(), slots=8), method)
    found = searched(tmp_path / "run", open_on(serve(weather), slots=8, retries=RETRIES), method)
    assert found.complete
    assert found.results["lost"] == 0
    assert rows(tmp_path / "run") == rows(tmp_path / "quiet")
    assert set(draws(tmp_path / "run").values()) == {1}


@pytest.mark.parametrize("how", ["500", "reset"])
@pytest.mark.parametrize("after", [0, 3, 40])
def test_a_search_whose_server_breaks_stops_and_goes_on_with_another(serve, open_on, tmp_path, how, after):
    searched(tmp_path / "quiet", open_on(serve(), slots=8))
    broken = Event()

    def script(ask):
        if not ask.is_probe and len(server.draws) > after:
            broken.set()
        return ({"500": say(500), "reset": Act("reset")}[how]) if broken.is_set() else Act()

    server = serve(script, probes=True)
    with pytest.raises(BackendError) as stopped:
        searched(tmp_path / "run", open_on(server, slots=8, retries=2))
    assert "resumes" in str(stopped.value)
    assert searched(tmp_path / "run", open_on(serve(), slots=8)).complete
    assert rows(tmp_path / "run") == rows(tmp_path / "quiet")
    assert set(draws(tmp_path / "run").values()) == {1}
