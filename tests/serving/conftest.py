"""Model folders without real weights: what is looked at before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    def make(
        name: str,
        architecture: str = "LlamaForCausalLM",
        weights: str = "model.safetensors",
        **config: object,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"architectures": [architecture], **config}))
        if weights:
            (folder / weights).write_bytes(b"")
        return folder

    return make


@pytest.fixture
def reward(make_model: MakeModel) -> Path:
    return make_model("prm", "LlamaForTokenClassification")
