from pathlib import Path

import pytest
from huggingface_hub import errors

from omega_fast.backends.hub_names import check_model_name, hub_file
from omega_fast.errors import BackendError


@pytest.fixture
def hub(monkeypatch):
    """Makes the hub answer with an exception, or with nothing wrong."""

    def answers(error):
        def download(name, file, revision=None):
            if error is not None:
                raise error
            return f"/cache/{file}"

        monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: "kept")
        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)

    return answers


def made(kind):
    error = kind.__new__(kind)
    Exception.__init__(error, "said by the hub")
    return error


@pytest.mark.parametrize(
    ("kind", "said", "hint"),
    [
        (errors.RepositoryNotFoundError, "the hub has no such model", "check the name"),
        (errors.GatedRepoError, "to some only", "HF_TOKEN"),
        (errors.RevisionNotFoundError, "has no revision 'v9'", "check the revision"),
        (errors.EntryNotFoundError, "without a config.json", "choose another"),
        (errors.LocalEntryNotFoundError, "the hub cannot be reached", "hf download"),
        (ConnectionError, "said by the hub", "check the network"),
    ],
)
def test_what_the_hub_says_becomes_a_message_that_says_what_to_do(hub, kind, said, hint):
    hub(made(kind))
    with pytest.raises(BackendError, match=said) as caught:
        check_model_name("owner/model", "v9")
    assert hint in caught.value.hint
    assert "pickled" not in caught.value.hint


@pytest.mark.parametrize("name", ["a b/c", "-owner/model", "owner/model..x"])
def test_a_name_that_the_hub_could_not_have_is_refused_without_asking(name):
    with pytest.raises(BackendError, match="neither a folder nor a name"):
        check_model_name(name)


@pytest.mark.parametrize("name", ["/no/such/folder", "./model", "~/model", "a/b/c"])
def test_a_path_that_is_not_there_is_called_a_folder(hub, name):
    hub(AssertionError("the hub is not asked"))
    with pytest.raises(BackendError, match="there is no such folder"):
        check_model_name(name)


def test_a_folder_needs_a_configuration(tmp_path):
    with pytest.raises(BackendError, match=r"has no config\.json"):
        check_model_name(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    check_model_name(str(tmp_path))


def test_a_model_that_the_hub_has_is_let_through(hub):
    hub(None)
    check_model_name("owner/model")
    assert hub_file("owner/model", "prm.json") == Path("/cache/prm.json")


def test_what_was_never_fetched_is_asked_for_once_and_told_at_once(monkeypatch):
    asked = []

    def unreachable(url):
        asked.append(url)
        raise RuntimeError("Name or service not known")  # an error of whichever library asks

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", unreachable)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: pytest.fail("it tries for long"))
    with pytest.raises(
        BackendError, match="there is no such folder here, and as a name of the hub it was never"
    ):
        check_model_name("runs/prm")
    assert len(asked) == 1


def test_a_missing_model_is_told_before_torch_is_loaded(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from omega_fast.config import AnnotateConfig\n"
        "from omega_fast.errors import BackendError\n"
        "from omega_fast.jobs.opening import open_policy\n"
        "try:\n    open_policy(AnnotateConfig(question_file='x', model_name='./absent'))\n"
        "except BackendError as error:\n    print(error.message, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == "cannot load model './absent': there is no such folder False\n"
