"""Whether a model can be there at all, told in a moment, before an engine and its libraries are loaded."""

from __future__ import annotations

from pathlib import Path

from omega_fast.errors import BackendError

__all__ = ["check_model_name", "hub_file"]


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
    try:
        found = hub_file(name, "config.json", revision)
    except ImportError:
        return
    if found is None:
        raise BackendError(
            f"cannot load model {name!r}: the hub has it without a config.json", hint="choose another model"
        )


def hub_file(name: str, file: str, revision: str | None = None) -> Path | None:
    """A file of a model on the hub, or in the hub's cache if that cannot be reached; `None` if the model has none.

    Raises:
        BackendError: It is a path to what is not there, there is no such name or revision, or the hub cannot be reached
            and the file was never fetched.
        ImportError: The hub's library is missing.
    """
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BackendError(f"cannot load model {name!r}: there is no such folder", hint="check the path")
    from huggingface_hub import errors  # noqa: PLC0415 - it takes a while

    try:
        return Path(_fetched(name, file, revision))
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
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise BackendError(
            f"cannot load model {name!r}: there is no such folder here, and as a name of the hub it was never fetched "
            "and the hub cannot be reached",
            hint="give a folder, or fetch it where there is a network: hf download NAME",
        ) from error
    except errors.EntryNotFoundError:
        return None
    except errors.HFValidationError as error:
        raise BackendError(
            f"cannot load model {name!r}: it is neither a folder nor a name that the hub could have",
            hint="give a folder that exists, or a hub name such as owner/model",
        ) from error
    except OSError as error:
        raise BackendError(f"cannot look for model {name!r}: {error}", hint="check the network") from error


def _fetched(name: str, file: str, revision: str | None) -> str:
    """Where a file of the hub is now; raises the hub's errors.

    A download tries for half a minute to reach the hub. What is not in the cache is therefore asked for once before.
    """
    from huggingface_hub import (  # noqa: PLC0415 - it takes a while
        errors,
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )

    if not isinstance(try_to_load_from_cache(name, file, revision=revision), str):
        try:
            get_hf_file_metadata(hf_hub_url(name, file, revision=revision))
        except (errors.HfHubHTTPError, OSError):
            raise
        except Exception as error:  # which library asks, and so what it raises, differs between versions
            raise errors.LocalEntryNotFoundError(str(error)) from error
    return hf_hub_download(name, file, revision=revision)
