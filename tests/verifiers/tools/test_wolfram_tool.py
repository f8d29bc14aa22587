"""The Wolfram|Alpha tool against a stub that speaks the Full Results API, and fails on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from omega_fast.errors import BackendError, ConfigError
from omega_fast.verifiers.tools import Finding, open_tool
from omega_fast.verifiers.tools.wolfram import WolframTool

KEY = "SECRET-KEY42"
Answer = Callable[[dict[str, str], int], tuple[int, bytes]]


def pods(*texts: str, primary: bool = True) -> bytes:
    """An answer as the API gives it: what was asked, and a pod for each text."""
    made: list[dict[str, Any]] = [
        {"title": "Input", "id": "Input", "subpods": [{"title": "", "plaintext": "asked"}]}
    ]
    made += [
        {"title": "Result", "id": "Result", "primary": primary, "subpods": [{"title": "", "plaintext": text}]}
        for text in texts
    ]
    return json.dumps(
        {"queryresult": {"success": True, "error": False, "numpods": len(made), "pods": made}}
    ).encode()


class Stub:
    def __init__(self) -> None:
        self.answer: Answer = lambda _fields, _tries: (200, pods("True"))
        self.asked: list[dict[str, str]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fields = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                stub.asked.append(fields)
                status, content = stub.answer(fields, len(stub.asked))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v2/query"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def stub() -> Iterator[Stub]:
    opened = Stub()
    yield opened
    opened.close()


@pytest.fixture
def tool(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[WolframTool]:
    monkeypatch.setenv("WOLFRAM_APP_ID", KEY)
    with WolframTool(url=stub.url, retries=2, sleep=lambda _: None) as opened:
        yield opened


def test_its_true_and_false_are_findings(stub: Stub, tool: WolframTool) -> None:
    assert tool.check("2 + 2 = 4").finding is Finding.RIGHT
    stub.answer = lambda *_: (200, pods("False"))
    assert tool.check("2 + 2 = 5").finding is Finding.WRONG
    assert stub.asked[0] == {"input": "2 + 2 = 4", "appid": KEY, "output": "json", "format": "plaintext"}


def test_a_value_is_passed_on_and_is_no_finding(stub: Stub, tool: WolframTool) -> None:
    stub.answer = lambda *_: (200, pods("x = 3", primary=False))
    answer = tool.check("2 x = 6")
    assert (answer.finding, answer.value) == (Finding.CANNOT_SAY, "x = 3")


BROKEN = {
    "empty": (200, b""),
    "broken": (200, b'{"queryresult": {'),
    "list": (200, b"[]"),
    "a megabyte": (200, b" " * (1 << 21)),
    "no pods": (200, b'{"queryresult": {"success": true, "error": false, "pods": []}}'),
    "pods of another kind": (200, b'{"queryresult": {"success": true, "error": false, "pods": [1]}}'),
    "not understood": (200, b'{"queryresult": {"success": false, "error": false}}'),
    "an error": (200, b'{"queryresult": {"success": false, "error": {"code": "1000", "msg": "timeout"}}}'),
    "both": (200, pods("True or False")),
    "rate limit": (429, b""),
    "server fault": (503, b""),
    "not found": (404, b""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_no_finding(stub: Stub, tool: WolframTool, name: str) -> None:
    stub.answer = lambda *_: BROKEN[name]
    assert tool.check("2 + 2 = 4").finding is Finding.CANNOT_SAY


def test_a_fault_that_passes_is_waited_out(stub: Stub, tool: WolframTool) -> None:
    stub.answer = lambda _fields, tries: (503, b"") if tries < 3 else (200, pods("True"))
    assert tool.check("2 + 2 = 4").finding is Finding.RIGHT
    assert len(stub.asked) == 3


def test_a_refused_key_is_an_error_that_does_not_show_it(stub: Stub, tool: WolframTool) -> None:
    stub.answer = lambda *_: (
        200,
        json.dumps(
            {"queryresult": {"success": False, "error": {"code": "1", "msg": f"Invalid appid {KEY}"}}}
        ).encode(),
    )
    with pytest.raises(BackendError) as raised:
        tool.check("2 + 2 = 4")
    assert KEY not in str(raised.value)
    with pytest.raises(BackendError):
        tool.check("2 + 2 = 5")
    assert len(stub.asked) == 1


def test_a_server_that_is_not_there_is_no_finding(stub: Stub, tool: WolframTool) -> None:
    stub.close()
    answer = tool.check("2 + 2 = 4")
    assert answer.finding is Finding.CANNOT_SAY
    assert KEY not in answer.reason


def test_without_a_key_it_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WOLFRAM_APP_ID", raising=False)
    with pytest.raises(ConfigError, match="WOLFRAM_APP_ID"):
        open_tool("wolfram")
