from xml.etree import ElementTree

from omega_fast.train.curve import render_curve, series_of

HISTORY = [
    {"step": 1, "loss": 0.7},
    {"step": 2, "loss": float("nan")},
    {"step": 10, "loss": 0.5},
    {"step": 10, "eval_loss": 0.6},
    {"step": 10, "train_runtime": 3.0},
]


def test_the_curves_are_the_losses_that_are_numbers():
    assert series_of(HISTORY) == {"loss": [(1.0, 0.7), (10.0, 0.5)], "eval_loss": [(10.0, 0.6)]}


def test_the_picture_has_a_line_for_each_curve_and_its_title_is_text():
    picture = ElementTree.fromstring(render_curve(HISTORY, "<script>a & b</script>"))
    lines = [each for each in picture.iter() if each.tag.endswith("polyline")]
    assert [len(each.attrib["points"].split()) for each in lines] == [2, 1]
    assert not any(each.tag.endswith("script") for each in picture.iter())


def test_nothing_logged_yet_is_a_picture_too():
    assert ElementTree.fromstring(render_curve([], "")) is not None
