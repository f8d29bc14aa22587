"""Which OpenAI-compatible server, and how hard to push: what everything that asks one is told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ServedModel", "ServerSettings"]


class ServerSettings(BaseModel):
    """A server, and the patience with it.

    Attributes:
        base_url: Where the API begins, such as `http://localhost:8000/v1`.
        api_key_env: Name of the environment variable that holds the key; unset for servers without one.
        slots: Requests in flight at once.
        request_timeout: Seconds one try may take, from first to last byte.
        retries: Further tries of one request, whatever the reason.
        first_wait: Seconds before the second try; each further wait is twice as long.
        longest_wait: Seconds that no wait exceeds; a server that asks for more stops the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str
    api_key_env: str = Field(default="OPENAI_API_KEY", pattern=r"^[A-Z_][A-Z0-9_]*$")
    slots: int = Field(default=64, ge=1)
    request_timeout: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    retries: int = Field(default=5, ge=0)
    first_wait: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    longest_wait: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class ServedModel(ServerSettings):
    """One of the models of a server.

    Attributes:
        model: The name the server serves it under; by default the one that it has.
    """

    model: str | None = None
