"""The key reaches the server and nothing else, whatever fails."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest
from scripted_server import Act, say
from server_asking import one
from tests.engine.fakes import questions
from tests.engine.runs import settings
from tests.processes import omega

from omega_fast.backends.openai_key import ApiKey, read_key
from omega_fast.config import resolve
from omega_fast.errors import ConfigError, OmegaError
from omega_fast.jobs import annotate
from omega_fast.models.ledger_policy import ASSETS

CANARY = "canary-9f8e7d6c5b4a"
POLICY = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}


def everything_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_key_is_sent(serve, open_on, monkeypatch):
    monkeypatch.setenv("MY_KEY", f" {CANARY}\n")
    server = serve(key=CANARY)
    one(open_on(server, api_key_env="MY_KEY"))
    assert server.draws[-1].headers["authorization"] == f"Bearer {CANARY}"


def test_without_a_key_none_is_sent(serve, open_on):
    server = serve()
    one(open_on(server))
    assert "authorization" not in server.draws[-1].headers


def test_a_missing_key_is_told_with_the_variable(serve, open_on):
    with pytest.raises(OmegaError, match="HTTP 401") as caught:
        open_on(serve(key=CANARY), api_key_env="MY_KEY")
    assert "api_key_env" in caught.value.hint


@pytest.mark.parametrize("key", ["two words", "sch\u00f6n", "line\nbreak"])
def test_a_key_that_no_header_carries_is_refused_unseen(key):
    with pytest.raises(ConfigError, match="MY_KEY holds blanks") as caught:
        read_key("MY_KEY", {"MY_KEY": key})
    assert key not in str(caught.value)


def test_a_key_has_no_representation():
    assert CANARY not in repr(ApiKey(CANARY))
    assert CANARY not in str(ApiKey(CANARY))


@pytest.mark.parametrize(
    "given",
    [
        {"api_key_env": CANARY},
        {"base_url": f"http://me:{CANARY}@host/v1"},
        {"base_url": f"http://host/v1?key={CANARY}"},
    ],
)
def test_a_key_in_the_wrong_setting_is_refused_unseen(given):
    with pytest.raises(ConfigError) as caught:
        resolve(env={}, overrides={"question_file": "ledger", "model_type": "openai", **given})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# what the server does to every draw, and whether it takes the key at all
FAILURES = {
    "works": lambda _: Act(),
    "echoes it with 400": lambda _: say(400, f"bad key {CANARY}"),
    "echoes it with 401": lambda _: say(401, f"bad key {CANARY}"),
    "echoes it with 429": lambda _: say(429, f"bad key {CANARY}"),
    "echoes it with 500": lambda _: say(500, f"bad key {CANARY}"),
    "echoes it as text": lambda _: Act(edit=lambda _: f"Bearer {CANARY}".encode()),
    "asks to wait": lambda _: say(429, f"bad key {CANARY}", Retry_After="3600"),
    "resets": lambda _: Act("reset"),
    "half a body": lambda _: Act("half"),
    "one in three": lambda ask: say(500, f"bad key {CANARY}") if ask.number % 3 else Act(),
}


@pytest.fixture
def overheard(caplog, capfd, monkeypatch):
    """All that was logged, at any level, or printed; the key is in the environment meanwhile."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", CANARY)
    return lambda: caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("failure", FAILURES)
def test_the_key_is_in_no_log_no_error_and_no_run(serve, open_on, tmp_path, overheard, failure):
    server = serve(FAILURES[failure], key=CANARY)
    backend = open_on(server, api_key_env="MY_KEY", retries=1, slots=8)
    said = repr(backend.fingerprint()) + repr(backend.__dict__)
    try:
        annotate(
            settings(tmp_path / "run", **POLICY, api_key_env="MY_KEY", base_url=server.url),
            questions=questions(3),
            backend=backend,
        )
    except OmegaError as error:
        said += "".join(traceback.format_exception(error))
    assert server.draws[0].headers["authorization"] == f"Bearer {CANARY}"
    assert b"MY_KEY" in everything_under(tmp_path)
    assert CANARY.encode() not in everything_under(tmp_path)
    logged = overheard()
    assert "HTTP Request: POST" in logged
    assert CANARY not in said + logged


@pytest.mark.parametrize("failure", ["works", "echoes it with 500", "a key that is refused"])
def test_the_command_shows_no_key(serve, tmp_path, failure):
    refused = failure == "a key that is refused"
    server = serve(FAILURES.get(failure, FAILURES["works"]), key="another" if refused else CANARY)
    asked = tmp_path / "questions.jsonl"
    asked.write_text('{"problem": "3 steps, please (0)", "answer": "0"}\n')
    command = ["annotate", "--debug", "--question-file", str(asked)]
    command += ["--model-type", "openai", "--model-name", "tiny", "--tokenizer", str(ASSETS)]
    command += ["--base-url", server.url, "--api-key-env", "MY_KEY", "-o", str(tmp_path / "run")]
    command += ["--prompt-template", "{problem}\n", "--num-rollouts", "2", "--rollout-budget", "4"]
    command += ["--separator", r"\n", "--retries", "0", "--log-file-prefix", str(tmp_path / "log")]
    command += ["--temperature", "1", "--top-k", "0", "--top-p", "1"]
    done = omega(*command, MY_KEY=CANARY)
    assert (done.returncode == 0) == (failure == "works"), done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert CANARY.encode() not in everything_under(tmp_path)
