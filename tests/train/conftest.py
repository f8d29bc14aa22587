import pytest
import torch
from transformers.utils import logging

from tests.backends.tiny_checkpoints import save_checkpoint

torch.set_num_threads(1)
logging.disable_progress_bar()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A random Llama of 2 layers with its tokenizer."""
    return str(save_checkpoint(tmp_path_factory.mktemp("tiny") / "llama", "llama"))
