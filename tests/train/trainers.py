"""A trainer on a few solutions, without the files around it."""

from pathlib import Path

from transformers import AutoConfig, set_seed

from omega_fast.models.prm_checkpoint import load_causal, load_classifier, load_tokenizer
from omega_fast.train.adapters import with_adapters
from omega_fast.train.arguments import arguments_of
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.implicit_data import read_implicit_data
from omega_fast.train.implicit_trainer import ImplicitTrainer
from omega_fast.train.prm_config import prm_config
from omega_fast.train.prm_data import read_data
from omega_fast.train.prm_trainer import PrmTrainer
from omega_fast.train.reference import ReferenceCache


def trainer_on(given, model: str, folder: Path, **settings) -> PrmTrainer:
    config = prm_config(
        **{"model": model, "device": "cpu", "validation": 0.0, "labels": "hard", "warmup": 0.0, **settings}
    )
    tokenizer = load_tokenizer(model)
    data = read_data(given, config, tokenizer, AutoConfig.from_pretrained(model), None)
    arguments = arguments_of(config, folder, evaluates=False)
    set_seed(config.seed)
    network = _network(model, config)
    return PrmTrainer(
        with_adapters(network, config),
        arguments,
        config,
        card=data.card,
        tokenizer=tokenizer,
        train=data.train,
    )


def implicit_trainer_on(given, model: str, folder: Path, **settings) -> ImplicitTrainer:
    """A trainer whose reference is a second model, `reference` or the model itself, asked once into a cache."""
    config = implicit_config(
        **{"model": model, "device": "cpu", "validation": 0.0, "warmup": 0.0, **settings}
    )
    tokenizer = load_tokenizer(model)
    data = read_implicit_data(given, config, tokenizer, AutoConfig.from_pretrained(model))
    arguments = arguments_of(config, folder, evaluates=False)
    set_seed(config.seed)
    cache = ReferenceCache(folder / "reference", "m")
    cache.fill(load_causal(config.reference_name), [each for item in data.train for each in item.answers])
    return ImplicitTrainer(
        with_adapters(load_causal(model), config, classifies=False),
        arguments,
        config,
        tokenizer=tokenizer,
        train=data.train,
        reference=cache.__getitem__,
    )


def gradients(network) -> dict:
    return {name: each.grad for name, each in network.named_parameters() if each.grad is not None}


def _network(model: str, config):
    return (
        load_causal(model)
        if config.head == "ntp"
        else load_classifier(model, config.head, attention=config.attention)
    )
