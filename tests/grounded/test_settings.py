"""The configuration of roles and tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from omega_fast.errors import ConfigError
from omega_fast.grounded.settings import ROLES, GroundedSettings, read_settings, template
from omega_fast.verifiers.tools import open_tool


def test_the_template_is_a_configuration_in_which_every_tool_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(template())
    settings = read_settings(path)
    assert settings.role("policy").api_key_env == "QWEN_API_KEY"
    assert settings.role("judge").model == settings.role("query_writer").model == "deepseek-chat"
    for tool in settings.tools:
        open_tool(tool.name, tool.options).close()
    assert all(f"\n{name}:" in template() or f"\n# {name}:" in template() for name in ROLES)


def test_the_judge_writes_queries_unless_somebody_else_does() -> None:
    settings = GroundedSettings.model_validate({"judge": {"model": "a"}})
    assert settings.role("query_writer") == settings.role("judge")
    with pytest.raises(ConfigError, match="no model plays the role policy"):
        settings.role("policy")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policy: {model: m, colour: red}", "policy.colour"),
        ("policy: {}", "policy.model"),
        ("policy: {model: m, backend: abacus}", "abacus"),
        ("policy: {model: m, temperature: hot}", "policy.temperature"),
        ("policy: {model: m, api_key_env: sk-secret}", "policy.api_key_env"),
        ("judges: {model: m}", "judges"),
        ("- a", "holds no settings"),
        ("a: [", "is not YAML"),
        ("!!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_a_faulty_configuration_is_told_by_the_setting_without_its_value(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_settings(path)
    assert said in raised.value.message
    assert "secret" not in str(raised.value)
    assert raised.value.hint


def test_what_decides_an_answer_is_the_identity_and_the_address_is_not() -> None:
    one = GroundedSettings.model_validate({"policy": {"model": "m", "base_url": "http://a/v1"}}).role(
        "policy"
    )
    other = one.model_copy(update={"base_url": "http://b/v1", "in_flight": 3})
    assert one.identity() == other.identity() != one.model_copy(update={"temperature": 0.0}).identity()
