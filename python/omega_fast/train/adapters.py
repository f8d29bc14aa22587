"""LoRA adapters: put on a network for training, merged into plain weights afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from torch.nn.init import orthogonal_

from omega_fast.errors import BackendError, ConfigError

__all__ = ["AdapterSettings", "fix_inputs", "merged", "with_adapters"]


class AdapterSettings(Protocol):
    """What the settings of every training say of adapters."""

    @property
    def lora_rank(self) -> int:
        """Rank; 0 for none."""
        ...

    @property
    def lora_alpha(self) -> float | None:
        """Scale; unset is twice the rank."""
        ...

    @property
    def lora_dropout(self) -> float:
        """Dropout in them."""
        ...

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether activations are computed twice."""
        ...


def with_adapters(
    network: Any,
    config: AdapterSettings,
    *,
    classifies: bool = True,
    new_tokens: Sequence[int] = (),
    fixed_inputs: bool = False,
) -> Any:
    """The network with adapters on all linear layers and, if it classifies, a head of its own (arXiv 2106.09685).

    At rank 0 it is the network as it is.

    Args:
        network: What is trained.
        config: Rank, scale, dropout.
        classifies: Whether it has a head `score`, which is trained whole.
        new_tokens: Tokens that the network has never seen; their embeddings are trained as well.
        fixed_inputs: Whether to `fix_inputs`.

    Raises:
        BackendError: If peft is missing.
    """
    if not config.lora_rank:
        return network
    peft = _peft()
    settings = peft.LoraConfig(
        task_type=peft.TaskType.TOKEN_CLS if classifies else peft.TaskType.CAUSAL_LM,
        r=config.lora_rank,
        lora_alpha=config.lora_alpha or (1 if fixed_inputs else 2) * config.lora_rank,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        modules_to_save=["score"] if classifies else None,
        trainable_token_indices=list(new_tokens) or None,
    )
    adapted = peft.get_peft_model(network, settings)
    if fixed_inputs:
        fix_inputs(adapted)
    if config.gradient_checkpointing:
        # The embeddings are frozen, so without this nothing that is checkpointed would need a gradient
        adapted.enable_input_require_grads()
    return adapted


def fix_inputs(adapted: Any) -> None:
    """Draw each adapter's factor that reads anew, with orthonormal rows, and train the one that writes alone.

    This is LoRA-FA (arXiv 2308.03303). An update of that factor by Muon is then the one of the whole matrix, within the
    rows that were drawn; at the start the gradient of the other one is nothing but zeros, which Muon would blow up.

    Raises:
        ConfigError: The rank is above the width of what an adapter reads.
    """
    for name, weight in adapted.named_parameters():
        if ".lora_A." in name:
            if weight.shape[0] > weight.shape[1]:
                raise ConfigError(
                    f"lora_rank is {weight.shape[0]} and {name.partition('.lora_A')[0]} reads {weight.shape[1]} values",
                    hint=f"with muon, give {weight.shape[1]} or less",
                )
            orthogonal_(weight)
            weight.requires_grad_(requires_grad=False)


def merged(network: Any, adapters: Path) -> Any:
    """A network with saved adapters worked into its weights, as if all of it had been trained."""
    found = _peft().PeftModel.from_pretrained(network, adapters)
    return found.merge_and_unload()


def _peft() -> Any:
    try:
        import peft  # noqa: PLC0415 - only adapters need it
    except ImportError as error:
        raise BackendError("LoRA needs peft, which is not there", hint="install omega_fast[train]") from error
    return peft
