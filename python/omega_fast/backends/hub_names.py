"""Whether a model can be there at all, told in a moment, before an engine and its libraries are loaded."""

from __future__ import annotations

from pathlib import Path

from omega_fast.errors import BackendError

__all__ = ["check_model_name"]


def check_model_name(name: str, revision: str | None = None) -> None:
    """Look for the configuration of a model: in its folder, else in the hub's cache, else on the hub.

    Without the hub's library nothing is checked: the engine that needs it says so.

    Raises:
        BackendError: If there is no such folder, name or revision, or nobody can tell without the network.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise BackendError(
                f"cannot load model {name!r}: the folder has no config.json",
                hint="give the folder of a model, with config.json, tokenizer files and *.safetensors",
            )
        return
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BackendError(f"cannot load model {name!r}: there is no such folder", hint="check the path")
    try:
        from huggingface_hub import errors, hf_hub_download  # noqa: PLC0415 - it takes a while
    except ImportError:
        return
    try:
        hf_hub_download(name, "config.json", revision=revision)
    except (errors.GatedRepoError, errors.RepositoryNotFoundError) as error:
        gated = isinstance(error, errors.GatedRepoError)
        raise BackendError(
            f"cannot load model {name!r}: {'the hub gives it to some only' if gated else 'the hub has no such model'}",
            hint="accept its terms and set HF_TOKEN"
            if gated
            else "check the name; for a private one set HF_TOKEN",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise BackendError(
            f"cannot load model {name!r}: it has no revision {revision!r}", hint="check the revision"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise BackendError(
            f"cannot load model {name!r}: there is no such folder, it was never fetched, and the hub cannot be reached",
            hint="give a folder, or fetch it where there is a network: hf download NAME",
        ) from error
    except errors.EntryNotFoundError as error:
        raise BackendError(
            f"cannot load model {name!r}: the hub has it without a config.json", hint="choose another model"
        ) from error
    except errors.HFValidationError as error:
        raise BackendError(
            f"cannot load model {name!r}: it is neither a folder nor a name that the hub could have",
            hint="give a folder that exists, or a hub name such as owner/model",
        ) from error
    except OSError as error:
        raise BackendError(f"cannot look for model {name!r}: {error}", hint="check the network") from error
