import pytest

from omega_fast.errors import ConfigError
from omega_fast.exchange.shares import parse_shares, part_of, place_of
from omega_fast.train.data import held_out

QUESTIONS = [f"question {number}" for number in range(4000)]


def test_shares_are_met_about():
    parts = [part_of(each, {"train": 0.7, "validation": 0.1, "test": 0.2}) for each in QUESTIONS]
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        assert parts.count(name) / len(parts) == pytest.approx(share, abs=0.03)


def test_a_question_held_out_stays_held_out_when_the_share_grows():
    small = {each for each in QUESTIONS if part_of(each, {"train": 0.9, "test": 0.1}) == "test"}
    large = {each for each in QUESTIONS if part_of(each, {"train": 0.6, "test": 0.4}) == "test"}
    assert small < large


def test_places_do_not_change_from_version_to_version():
    assert place_of("1 + 1") == place_of(" 1 + 1\n") == pytest.approx(0.1108590683, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "train", "train=1,train=0", "train=0.5,test=0.4", "a=nan", "../x=1", "a=-1,b=2", "a=0,b=1", "a b=1"],
)
def test_what_are_no_shares_is_refused(text):
    with pytest.raises(ConfigError):
        parse_shares(text)


def test_the_part_named_last_is_what_training_would_hold_out():
    for each in QUESTIONS[:200]:
        assert held_out(each, 0.1) == (part_of(each, {"train": 0.9, "test": 0.1}) == "test")
