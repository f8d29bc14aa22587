"""A server on loopback that speaks the chat interface as a script says, and counts what it was asked."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ChatServer", "Script", "role", "root_text", "say"]

Script = Callable[[Mapping[str, Any], int], "str | tuple[int, bytes]"]
"""What is said to a body that comes for the n-th time: a text, or a status and all bytes of the answer."""


def say(*texts: str) -> bytes:
    messages = [{"role": "assistant", "content": text} for text in texts]
    choices = [{"index": n, "message": each, "finish_reason": "stop"} for n, each in enumerate(messages)]
    return json.dumps({"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


def root_text(*conditions: str, objective: str = "Find x") -> str:
    return json.dumps({"conditions": list(conditions), "global_objective": objective})


class ChatServer:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.bodies: list[Mapping[str, Any]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._tries: Counter[str] = Counter()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = server._answer(json.loads(content))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _answer(self, body: Mapping[str, Any]) -> tuple[int, bytes]:
        key = json.dumps(body, sort_keys=True)
        with self._lock:
            self.bodies.append(body)
            self._tries[key] += 1
            tries = self._tries[key]
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        said = self.script(body, tries)
        with self._lock:
            self._at_once -= 1
        return said if isinstance(said, tuple) else (200, say(said))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def role(url: str, **settings: Any) -> dict[str, Any]:
    """The settings of a role that this server plays."""
    return {
        "model": "m",
        "base_url": url,
        "first_wait": 0.001,
        "longest_wait": 0.01,
        "retries": 2,
        **settings,
    }
