"""A vLLM server on loopback that tests kill and start again, and that never outlives them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.vllm.opened import BLOCK, SLOTS

__all__ = ["SERVED_NAME", "VllmServer"]

SERVED_NAME = "ledger-policy"
"""What it serves the model under; `omega` finds the tokenizer of the embedded policy by this name."""

_HOST = "127.0.0.1"
_START_WITHIN_S = 540.0
_LOOKS_EVERY_S = 0.5
_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "OMP_NUM_THREADS": "1",
}


class VllmServer:
    """One model behind vLLM's OpenAI-compatible API, always at the same address.

    Args:
        model: Folder of the checkpoint.
        context: Most tokens of prompt and continuation.
        log: Where it writes; each start adds to it.
        more: Further flags.
    """

    def __init__(self, model: Path, context: int, log: Path, more: Sequence[str] = ()) -> None:
        self._port = _free_port()
        self._log = log
        # The `vllm` script looks for metadata of a package that has another name on a CPU. Prompts are computed
        # whole, as in the backend: split, those with a seed kill vLLM on a CPU.
        self._command = [
            sys.executable, "-m", "vllm.entrypoints.openai.api_server",
            "--model", str(model), "--served-model-name", SERVED_NAME, "--load-format", "safetensors",
            "--host", _HOST, "--port", str(self._port), "--dtype", "float32", "--enforce-eager",
            "--no-enable-chunked-prefill", "--max-model-len", str(context),
            "--max-num-batched-tokens", str(max(2048, context)), "--max-num-seqs", str(SLOTS),
            "--block-size", str(BLOCK), *more,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._warden: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its API begins."""
        return f"http://{_HOST}:{self._port}/v1"

    def start(self) -> float:
        """Start it and wait until it answers; the seconds that took."""
        begun = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | _ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        # It waits for the end of its input, which comes when this process ends, however that ends.
        self._warden = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -s KILL -- "-$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() - begun > _START_WITHIN_S:
                self.kill()
                raise AssertionError(f"the vLLM server did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(_LOOKS_EVERY_S)
        return time.monotonic() - begun

    def kill(self) -> None:
        """SIGKILL to all its processes. May be called twice."""
        if self._process is None or self._warden is None:
            return
        # The warden first: once the process has been waited for, its id may become another's.
        self._warden.kill()
        self._warden.communicate()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = self._warden = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/models", timeout=5.0):
                return True
        except (urllib.error.URLError, OSError):
            return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((_HOST, 0))
        return int(found.getsockname()[1])
