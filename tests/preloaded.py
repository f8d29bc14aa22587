"""What takes seconds to import, for processes that are forked from one that has imported it, with one torch thread."""

import contextlib
import importlib

_MODULES = (
    "pytest",
    "omega_fast.cli",
    "omega_fast.jobs",
    "omega_fast.backends.transformers",
    "torch.distributed",
    "transformers.models.llama.modeling_llama",
    "omega_fast.train.gflownet.run",
    "omega_fast.train.implicit_trainer",
    "omega_fast.train.prm_trainer",
    "omega_fast.train.unit_trainer",
    "tests.faults.annotator",
)

for name in _MODULES:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)
