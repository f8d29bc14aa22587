"""The model of a role, ready to be asked."""

from __future__ import annotations

from omega_fast.errors import BackendError
from omega_fast.grounded.calls import Asker, CallLog
from omega_fast.grounded.chat import Chat
from omega_fast.grounded.settings import GroundedSettings, Role, RoleName

__all__ = ["open_asker", "open_chat"]


def open_chat(role: Role) -> Chat:
    """The engine that plays a role; to be opened in the event loop that asks it.

    Raises:
        ConfigError: The settings cannot work.
        BackendError: A library is missing, or the engine cannot start.
    """
    try:
        if role.backend == "openai":
            from omega_fast.grounded.openai_chat import OpenAIChat  # noqa: PLC0415 - it needs httpx

            return OpenAIChat(role)
        from omega_fast.grounded.backend_chat import open_backend_chat  # noqa: PLC0415 - it starts an engine

        return open_backend_chat(role)
    except ImportError as error:
        raise BackendError(
            f"a server needs a library that is not there: {error}", hint="install omega_fast[openai]"
        ) from error


def open_asker(settings: GroundedSettings, name: RoleName, log: CallLog) -> Asker:
    """The model of a role behind a log of its calls. Raises like `open_chat`, and if no model plays it."""
    role = settings.role(name)
    return Asker(name, open_chat(role), role.identity(), log, role.in_flight)
