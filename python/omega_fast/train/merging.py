"""LoRA adapters worked into the weights of the model they were trained on: `omega merge-adapter`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.backends.policy_identity import checkpoint_hashes
from omega_fast.errors import BackendError, ConfigError
from omega_fast.models.prm_card import CARD
from omega_fast.models.prm_checkpoint import load_causal, load_tokenizer, place_of, refuse_pickles
from omega_fast.store.files import LocalFileSystem, naming, write_atomically

__all__ = ["ADAPTER", "Merged", "describe_base", "merge_adapter"]

ADAPTER = "adapter"
"""The folder of a training's adapters in its output."""

_BASE = "base.json"
_SETTINGS, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PICKLED = "adapter_model.bin"
_TOKENIZER = "tokenizer_config.json"


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of merging.

    Attributes:
        folder: An ordinary checkpoint.
        modules: How many weight matrices were changed.
        tokenizer: Where its tokenizer is from.
        card: Whether it has a `prm.json`.
    """

    folder: Path
    modules: int
    tokenizer: str
    card: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "path": str(self.folder),
            "modules": self.modules,
            "tokenizer": self.tokenizer,
            "card": self.card,
        }


def describe_base(adapter: Path, name: str, revision: str | None) -> None:
    """Write beside an adapter which weights it belongs to: the name, and of a folder the content's hashes."""
    place = Path(place_of(name))
    told = {
        "model": name,
        "revision": revision,
        "weights": checkpoint_hashes(place)["weights"] if place.is_dir() else None,
    }
    write_atomically(LocalFileSystem(), adapter / _BASE, json.dumps(told, indent=2).encode() + b"\n")


def merge_adapter(
    base: str, adapter: Path, output: Path, *, revision: str | None = None, dtype: str = "auto"
) -> Merged:
    """Write an ordinary checkpoint: the base's weights with the adapter's worked in.

    The tokenizer and the card are the adapter's if it comes with them, as ours and LLaMA-Factory's do, else the base's.

    Args:
        base: Folder or hub name of the model that the adapter was trained on; `ledger-policy` is the embedded one.
        adapter: A folder of peft's, in safetensors.
        output: A folder that is not there yet.
        revision: Branch, tag or commit of a hub name.
        dtype: Of the weights; `auto` is the base's own.

    Raises:
        ConfigError: The output is there, or the adapter belongs to another model.
        BackendError: A model cannot be loaded, is pickled, or peft is missing.
        StoreError: The output cannot be written.
    """
    if output.exists():
        raise ConfigError(f"{output} is there already", hint="name a folder that is not there yet")
    settings = _settings(adapter)
    _check_base(base, adapter, settings)
    network = load_causal(place_of(base), revision=revision, dtype=dtype)
    try:
        from peft import PeftModel  # noqa: PLC0415 - only adapters need it
    except ImportError as error:
        raise BackendError(
            "merging needs peft, which is not there", hint="install omega_fast[train]"
        ) from error
    missing = _unfit(network, adapter)
    if missing:
        raise ConfigError(
            f"{adapter} does not fit {base}: {missing}", hint="give the model that it was trained on"
        )
    with without_progress_bars():
        adapted = PeftModel.from_pretrained(network, str(adapter))
        modules = sum(hasattr(each, "lora_A") for each in adapted.modules())
        merged = adapted.merge_and_unload()
    own = (adapter / _TOKENIZER).is_file()
    tokenizer = load_tokenizer(str(adapter) if own else place_of(base), None if own else revision)
    partial = output.with_name(f".{output.name}.partial")
    with naming(output):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        merged.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        if card := (adapter / CARD).is_file():
            shutil.copyfile(adapter / CARD, partial / CARD)
        partial.rename(output)
    return Merged(output, modules, str(adapter) if own else base, card)


def _settings(adapter: Path) -> Mapping[str, Any]:
    """What an adapter says of itself. Raises `BackendError` if it is none, or pickled."""
    if not adapter.is_dir():
        raise BackendError(f"{adapter} is no folder", hint="give the folder of an adapter")
    if not (adapter / _WEIGHTS).is_file():
        if (adapter / _PICKLED).is_file():
            raise BackendError(
                f"{adapter / _PICKLED} is pickled, which can run code when it is loaded",
                hint=f"save it again with peft as {_WEIGHTS} where you trust it",
            )
        refuse_pickles(str(adapter))
        raise BackendError(
            f"{adapter} has no {_WEIGHTS}", hint="give the folder of an adapter that peft saved"
        )
    try:
        found = json.loads((adapter / _SETTINGS).read_bytes())
        kind = found["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackendError(
            f"{adapter / _SETTINGS} does not describe an adapter: {error}", hint="save it again with peft"
        ) from error
    if kind != "LORA":
        raise BackendError(f"{adapter} is of the kind {kind}", hint="LoRA adapters are merged")
    return dict(found)


def _check_base(base: str, adapter: Path, settings: Mapping[str, Any]) -> None:
    """Raise `ConfigError` if the adapter says that it belongs to another model."""
    place = Path(place_of(base))
    if (adapter / _BASE).is_file() and place.is_dir():
        said = json.loads((adapter / _BASE).read_bytes())
        if said["weights"] is not None and said["weights"] != checkpoint_hashes(place)["weights"]:
            raise ConfigError(
                f"{adapter} was trained on {said['model']}, and {base} has other weights",
                hint="give the model that it was trained on",
            )
        return
    named = str(settings.get("base_model_name_or_path") or "")
    if (
        named
        and Path(named).name != Path(place_of(base)).resolve().name
        and Path(named).name != Path(base).name
    ):
        raise ConfigError(
            f"{adapter} was trained on {named}, not on {base}",
            hint="give that model, or mend base_model_name_or_path in adapter_config.json if it only moved",
        )


def _unfit(network: Any, adapter: Path) -> str:
    """Why an adapter's matrices have no place in a network; empty if all have one."""
    from safetensors import safe_open  # noqa: PLC0415 - it loads torch

    sizes = {name: each.shape for name, each in network.named_parameters()}
    with safe_open(adapter / _WEIGHTS, "pt") as file:
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            found, _, part = name.removeprefix("base_model.model.").rpartition(".lora_")
            if not found:
                continue
            size = sizes.get(f"{found}.weight")
            if size is None:
                return f"it has no {found}"
            shape = file.get_slice(name).get_shape()
            if (part.startswith("A.") and shape[1] != size[1]) or (
                part.startswith("B.") and shape[0] != size[0]
            ):
                return f"{found} has another size"
    return ""
