import pytest

from omega_fast.errors import RunConflictError
from omega_fast.train.checkpoints import RECORD, check_same, last_checkpoint, read_record, write_record


def checkpoint(folder, number, state="{}"):
    path = folder / f"checkpoint-{number}"
    path.mkdir()
    if state is not None:
        (path / "trainer_state.json").write_text(state)
    return path


def test_the_last_whole_checkpoint_is_found_by_number(tmp_path):
    checkpoint(tmp_path, 9)
    whole = checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 11, state='{"log')
    checkpoint(tmp_path, 12, state=None)
    (tmp_path / "adapters").mkdir()
    assert last_checkpoint(tmp_path) == whole


def test_there_may_be_none(tmp_path):
    assert last_checkpoint(tmp_path / "absent") is None
    assert last_checkpoint(tmp_path) is None


def test_a_record_reads_back_and_what_is_none_is_told(tmp_path):
    assert read_record(tmp_path) is None
    write_record(tmp_path, {"identity": {"loss": "bce"}})
    assert read_record(tmp_path) == {"identity": {"loss": "bce"}}
    (tmp_path / RECORD).write_text("[")
    with pytest.raises(RunConflictError, match=RECORD):
        read_record(tmp_path)


def test_another_identity_is_named(tmp_path):
    check_same(tmp_path, {"identity": {"loss": "bce"}}, {"loss": "bce"})
    with pytest.raises(RunConflictError, match="loss was 'bce', is 'mse'"):
        check_same(tmp_path, {"identity": {"loss": "bce"}}, {"loss": "mse"})
