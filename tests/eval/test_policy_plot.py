from xml.etree import ElementTree

from omega_fast.eval.policy import policy_figures
from omega_fast.eval.policy_plot import render_policies

RUNS = [[{"pass@1": 0.2, "pass@4": 0.6, "distinct@1": 0.2, "wholly@1": 0.1}]] * 2


def test_the_picture_has_a_panel_for_each_family_and_a_line_for_each_policy():
    picture = render_policies({"a<b": policy_figures(RUNS), "tuned": policy_figures(RUNS)})
    root = ElementTree.fromstring(picture)
    lines = [each for each in root.iter() if each.tag.endswith("polyline")]
    assert len(lines) == 4
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert "a<b" in texts
    assert "right answer among k samples" in texts
    assert not any("share of all" in (text or "") for text in texts)


def test_nothing_at_all_is_an_empty_picture():
    assert ElementTree.fromstring(render_policies({"a": {}})).tag.endswith("svg")
    assert render_policies({"a": policy_figures([[{"pass@1": 0.0}]])})
