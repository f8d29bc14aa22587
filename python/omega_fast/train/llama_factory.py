"""The same fine-tuning in LLaMA-Factory's words: the file that `llamafactory-cli train` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from omega_fast.models.prm_checkpoint import place_of
from omega_fast.train.data.conversations import ConversationSource
from omega_fast.train.generative_config import GenerativeConfig

__all__ = ["llama_factory_recipe"]

_HEAD = """\
# llamafactory-cli train llamafactory.yaml
# template: LLaMA-Factory has its own, by the family of the model; with another one the tokens differ.
# Then: omega merge-adapter MODEL saves/generative-prm MERGED
"""


def llama_factory_recipe(config: GenerativeConfig, data: ConversationSource) -> str:
    """YAML for LLaMA-Factory with the settings of a training, as far as it has them too."""
    folder = Path(data) if isinstance(data, str | Path) else Path("data/train")
    said: dict[str, Any] = {
        "stage": "sft",
        "do_train": True,
        "model_name_or_path": place_of(config.model),
        "dataset_dir": str(folder if folder.is_dir() else folder.parent),
        "dataset": config.dataset or "grounded_prm",
        "template": "qwen",
        "finetuning_type": "lora" if config.lora_rank else "full",
        "output_dir": "saves/generative-prm",
        "per_device_train_batch_size": config.batch_size,
        "gradient_accumulation_steps": config.accumulation,
        "learning_rate": config.rate,
        "num_train_epochs": config.passes,
        "lr_scheduler_type": config.scheduler,
        "warmup_ratio": config.warmup,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.clip,
        "seed": config.seed,
        "bf16": config.bf16,
        "val_size": config.validation,
        "cutoff_len": config.max_length or 4096,
    }
    if config.lora_rank:
        said |= {
            "lora_rank": config.lora_rank,
            "lora_alpha": config.lora_alpha or 2 * config.lora_rank,
            "lora_dropout": config.lora_dropout,
            "lora_target": "all",
        }
    return _HEAD + yaml.safe_dump(said, sort_keys=False)
