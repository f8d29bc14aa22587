"""A server on loopback that lists its models and answers everything else as a test says."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Ask", "Reply", "StubServer"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What was posted: where, what, and how often the same came, this time included."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    tries: int


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not plain JSON with status 200; `hang` gives none, `cut` half of it."""

    status: int = 200
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "whole"


class StubServer:
    """Runs in threads until `close`; `asks` has everything that was posted, as it came."""

    def __init__(
        self,
        answer: Callable[[Ask], Any],
        models: Mapping[str, int | None] | None = None,
        key: str = "",
        lists_models: bool = True,
    ) -> None:
        self.answer = answer
        self.models = {"prm": 512} if models is None else models
        self.key = key
        self.lists_models = lists_models
        self.asks: list[Ask] = []
        self.most_at_once = 0
        self._now = 0
        self._tries: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                rows = [{"id": name, "max_model_len": length} for name, length in stub.models.items()]
                known = self.path == "/v1/models" and stub.lists_models
                stub._send(self, stub._checked(self, {"data": rows} if known else Reply(404, b"{}")))

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                stub._send(self, stub._checked(self, None) or stub._told(self.path, content, self.headers))

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # clients leave when they have waited long enough

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _checked(self, handler: BaseHTTPRequestHandler, otherwise: Any) -> Any:
        said = handler.headers.get("Authorization", "")
        if self.key and said != f"Bearer {self.key}":
            return Reply(401, json.dumps({"error": f"no: {said}"}).encode())
        return otherwise

    def _told(self, path: str, content: bytes, headers: Mapping[str, str]) -> Any:
        with self._lock:
            self._tries[path + content.decode()] += 1
            ask = Ask(path, json.loads(content), dict(headers), self._tries[path + content.decode()])
            self.asks.append(ask)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.answer(ask)
        finally:
            with self._lock:
                self._now -= 1

    def _send(self, handler: BaseHTTPRequestHandler, reply: Any) -> None:
        if not isinstance(reply, Reply):
            reply = Reply(content=reply if isinstance(reply, bytes) else json.dumps(reply).encode())
        if reply.how == "hang":
            self._ended.wait(30)
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.content)))
        handler.end_headers()
        handler.wfile.write(reply.content[: len(reply.content) // 2] if reply.how == "cut" else reply.content)
        if reply.how == "cut":
            handler.close_connection = True
