"""A server on loopback that speaks enough of the OpenAI API, and fails on request.

Its policy is the fake engine's world of planted errors, spelled with the embedded policy's tokenizer: the answer is a
function of prompt and seed. What it does with each generation is scripted by a function.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.engine.fakes import continuation

from omega_fast.records import Question

__all__ = ["Act", "Ask", "Powers", "ScriptedServer", "say"]

_PROBLEM = re.compile(r"(\d+) steps, please \((\d+)\)\n")
_REASONS = {200: "OK"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A generation that was asked for: its body, and how often the same one came, this time included."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    tries: int
    number: int

    @property
    def is_probe(self) -> bool:
        return self.body.get("max_tokens") == 1


@dataclass(frozen=True, slots=True)
class Act:
    """What becomes of a generation.

    `whole` answers it; `status` says something else; `reset` and `half` close the connection before and after
    half the answer; `hang` waits until the client leaves; `edit` changes the answer.
    """

    how: str = "whole"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    said: object = "scripted"
    edit: Callable[[dict[str, Any]], Any] = lambda answer: answer


def say(status: int, message: object = "scripted", **headers: str) -> Act:
    return Act("status", status, {name.replace("_", "-"): value for name, value in headers.items()}, message)


@dataclass(frozen=True, slots=True)
class Powers:
    """What the server can do."""

    models: tuple[str, ...] = ("tiny",)
    context: int | None = 2048
    completions: bool = True
    takes_ids: bool = True
    refuses: frozenset[str] = frozenset()
    ids_back: str = "return_token_ids"
    counts: bool = True
    bos: int = 0
    chat: str = "continues"
    key: str = ""
    health: bool = True


class ScriptedServer:
    """Runs in a thread until `close`; `asks` has every generation, probes too, as they came."""

    def __init__(
        self, tokenizer: Any, powers: Powers = Powers(), script: Callable[[Ask], Act] = lambda _: Act()
    ) -> None:
        self.powers = powers
        self.script = script
        self.asks: list[Ask] = []
        self.left = threading.Event()
        self._tokenizer = tokenizer
        self._tries: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, "127.0.0.1", 0)
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def draws(self) -> list[Ask]:
        return [ask for ask in self.asks if not ask.is_probe]

    def close(self) -> None:
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split()
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        path = path.removeprefix("/v1")
        if self.powers.key and headers.get("authorization") != f"Bearer {self.powers.key}":
            return await _send(writer, 401, {"error": {"message": f"no: {headers.get('authorization')}"}})
        if method == "GET":
            rows = [{"id": name, "max_model_len": self.powers.context} for name in self.powers.models]
            return await _send(writer, 200, {"data": rows} if path == "/models" else {})
        if path == "/completions" and not self.powers.completions:
            return await _send(writer, 404, {"detail": "Not Found"})
        return await self._generate(path, json.loads(content), headers, reader, writer)

    async def _generate(
        self,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        key = json.dumps(body, sort_keys=True)
        self._tries[key] += 1
        ask = Ask(path, body, headers, self._tries[key], len(self.asks) + 1)
        self.asks.append(ask)
        if refused := sorted(self.powers.refuses & body.keys()):
            return await _send(writer, 400, {"error": {"message": f"Unrecognized argument: {refused[0]}"}})
        if not self.powers.takes_ids and not isinstance(body.get("prompt", ""), str):
            return await _send(writer, 400, {"error": {"message": "prompt must be a string"}})
        act = self.script(ask)
        answer = act.edit(self._answer(path, body))
        if act.how == "hang":
            await reader.read()
            self.left.set()
        elif act.how == "half":
            data = json.dumps(answer).encode()
            writer.write(_head(200, len(data), {}) + data[: len(data) // 2])
            await writer.drain()
        elif act.how == "status":
            return await _send(writer, act.status, {"error": {"message": act.said}}, act.headers)
        elif act.how == "whole":
            return await _send(writer, 200, answer)
        return False

    def _answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        prompt = self._messages(body) if path == "/chat/completions" else body["prompt"]
        if isinstance(prompt, str):
            # As vLLM does: a text to complete gets what the tokenizer puts before one, a chat does not.
            special = path == "/completions" and body.get("add_special_tokens", True)
            ids = self._tokenizer(prompt, add_special_tokens=special)["input_ids"]
        else:
            ids = prompt
        text = self._tokenizer.decode(ids)
        found = _PROBLEM.search(text)
        if found is None:
            rest = "2\n"
        else:
            question = Question(f"q{found[2]}", found[0].strip(), found[2])
            rest = continuation(question, text[found.end() :].removeprefix("</u><a>"), body["seed"])
        made = [*self._ids(rest), self._tokenizer.eos_token_id]
        finish = "stop" if len(made) <= body["max_tokens"] else "length"
        made = made[: body["max_tokens"]]
        text = self._tokenizer.decode(made, skip_special_tokens=True)
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "stop_reason": None}
        choice |= {"message": {"content": text}} if path == "/chat/completions" else {"text": text}
        if self.powers.ids_back == "return_token_ids" and body.get("return_token_ids"):
            choice |= {"token_ids": made, "prompt_token_ids": ids}
        if self.powers.ids_back == "logprobs" and body.get("return_tokens_as_token_ids"):
            choice["logprobs"] = {"tokens": [f"token_id:{each}" for each in made]}
        n_prompt = len(ids) + (self.powers.bos if isinstance(prompt, str) else 0)
        usage = {"prompt_tokens": n_prompt, "completion_tokens": len(made)}
        return {"choices": [choice]} | ({"usage": usage} if self.powers.counts else {})

    def _messages(self, body: dict[str, Any]) -> str:
        text = ""
        for message in body["messages"]:
            content = message["content"]
            if message["role"] == "assistant":
                trimmed = {"trims": content.rstrip(), "trims the start": content.lstrip()}
                text += "<a>" + trimmed.get(self.powers.chat, content)
            else:
                text += f"<u>{content}</u>"
        continued = body.get("continue_final_message") and self.powers.chat != "ignores"
        if continued:
            return text
        return text + ("</a><a>" if body["messages"][-1]["role"] == "assistant" else "<a>")

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _head(status: int, length: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Other')}", "Content-Type: application/json"]
    lines += [f"Content-Length: {length}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


async def _send(
    writer: asyncio.StreamWriter, status: int, answer: object, headers: Mapping[str, str] | None = None
) -> bool:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    writer.write(_head(status, len(data), headers or {}) + data)
    await writer.drain()
    return True
