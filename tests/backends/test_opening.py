import subprocess
import sys

import pytest

from omega_fast.backends.opening import BackendSettings, backend_names, open_backend, register_backend
from omega_fast.backends.recorded import RecordedBackend
from omega_fast.errors import BackendError, ConfigError
from omega_fast.records import Sampling


def test_a_backend_is_opened_by_its_name():
    settings = BackendSettings(name="recorded", options={"solutions": {"a": ["x"]}, "slots": 3})
    backend = open_backend(settings, Sampling())
    assert isinstance(backend, RecordedBackend)
    assert backend.slots == 3


def test_an_unknown_name_is_a_config_error_that_lists_the_known_ones():
    with pytest.raises(ConfigError, match="recorded, transformers"):
        open_backend(BackendSettings(name="none"), Sampling())


def test_options_that_a_backend_does_not_have_are_named():
    settings = BackendSettings(name="recorded", options={"solutions": {}, "slotz": 3})
    with pytest.raises(ConfigError, match="slotz: extra inputs are not permitted"):
        open_backend(settings, Sampling())


def test_options_of_the_wrong_kind_are_named_where_they_lie():
    settings = BackendSettings(name="hf", options={"model": "x", "prompt": {"text": "no place"}})
    with pytest.raises(ConfigError, match=r"prompt\.text: .*never shows the problem"):
        open_backend(settings, Sampling())


def test_a_missing_library_is_a_backend_error():
    register_backend("of_a_missing_library", "a_library_that_is_not_there.engine:open_it")
    with pytest.raises(BackendError, match="needs a library that is not there"):
        open_backend(BackendSettings(name="of_a_missing_library"), Sampling())


def open_late(options, sampling):
    """An opener that imports its library when it is called, as that of vLLM does."""
    import a_library_that_is_not_there  # noqa: F401 - it fails


def test_a_library_that_is_missing_once_the_engine_starts_is_a_backend_error():
    register_backend("of_a_late_library", f"{__name__}:open_late")
    with pytest.raises(BackendError, match="No module named 'a_library_that_is_not_there'"):
        open_backend(BackendSettings(name="of_a_late_library"), Sampling())


def test_a_name_is_registered_once():
    register_backend("again", "omega_fast.backends.recorded:open_recorded")
    register_backend("again", "omega_fast.backends.recorded:open_recorded")
    assert "again" in backend_names()
    with pytest.raises(ConfigError, match="registered already"):
        register_backend("again", "elsewhere:open_it")


def test_an_opener_without_a_function_is_refused():
    with pytest.raises(ConfigError, match="names no function"):
        register_backend("bad", "module.only")


def test_opening_and_playing_back_import_no_torch():
    program = (
        "import sys, omega_fast.backends.opening, omega_fast.backends.recorded\n"
        "import omega_fast.backends.prompts, omega_fast.backends.tokens\n"
        "sys.exit(bool({'torch', 'transformers', 'tokenizers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
