import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omega_fast.report import render_report, write_report
from omega_fast.store import Artifacts
from tests.store.formats.trees import content

PAYLOADS = (
    "</script><script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    "<!--<script>",
    "]]><svg onload=\"document.title = 'owned'\">",
    "&lt;b&gt; &amp; '\"`",
    "line\u2028separators\u2029here",
    "{problem} ${document.title = 'owned'} {{7*7}}",
    "\x00 \x1b[31m \ud800 \u202e",
    "javascript:document.title='owned'",
)
SUMMARY: dict[str, Any] = {
    "run": "runs/<script>document.title = 'owned'</script>",
    "questions": 1,
    "finished": 1,
    "rollouts": 40,
    "tokens": 4000,
    "labels": 5,
    "searches": 3,
    "located": 2,
    "verdicts": {"correct": 20, "<u>wrong</u>": 20},
    "finishes": {"pool_empty": 1},
    "warnings": ["6.0 % of the rollouts were truncated"],
    "exact_hit_accuracy": {"hits": 9, "total": 10, "value": 0.9, "low": 0.596, "high": 0.982},
    "hard_label_accuracy": {"hits": 0, "total": 0, "value": None, "low": 0.0, "high": 1.0},
}


def poisoned(payload: str) -> Artifacts:
    """A tree that has the payload wherever a text can be."""
    artifacts = Artifacts.from_json(content())
    return replace(
        artifacts,
        question=replace(artifacts.question, id=payload, problem=payload, answer=payload),
        finish=payload,
        nodes=tuple(replace(node, step=node.step and payload) for node in artifacts.nodes),
    )


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_of_a_model_stands_in_the_page_as_escaped_data_alone(payload: str) -> None:
    clean, page = render_report([poisoned("x")], {}), render_report([poisoned(payload)], {})
    for character in "<>&\u2028\u2029":
        assert page.count(character) == clean.count(character)
    assert page.isascii()
    assert data_of(page)["questions"][0]["problem"] == payload


def test_the_policy_admits_the_pages_own_style_and_script_alone() -> None:
    page = render_report([], SUMMARY)
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"\b(?:src|href|style|on\w+)\s*=", page.split("<script>")[0])


def test_the_viewer_never_makes_markup_of_text() -> None:
    script = render_report([], {}).rpartition("<script>")[2]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", script)


def test_only_the_first_questions_are_shown_and_all_are_counted() -> None:
    questions = (Artifacts.from_json(content()) for _ in range(5))
    data = data_of(render_report(questions, {}, questions=2))
    assert (len(data["questions"]), data["total"]) == (2, 5)


def test_every_soft_label_comes_with_its_interval_and_a_posteriors_value_apart() -> None:
    nodes = content()["nodes"]
    nodes[5] |= {"value": {"mean": 0.4, "low": 0.2, "high": 0.7}}
    page = render_report([Artifacts.from_json({**content(), "nodes": nodes})], SUMMARY)
    shown = data_of(page)["questions"][0]["nodes"]
    assert (shown[1]["soft"]["label"], shown[1]["value"]) == (0.5, None)
    assert 0.15 < shown[1]["soft"]["low"] < 0.5 < shown[1]["soft"]["high"] < 0.85
    assert (shown[5]["soft"], shown[5]["value"]["high"]) == (None, 0.7)
    assert "mc.title = estimates(node)" in page


def test_located_errors_are_marked_on_their_step() -> None:
    [question] = data_of(render_report([Artifacts.from_json(content())], {}))["questions"]
    assert [node["id"] for node in question["nodes"] if node["first_error"]] == [3]


@pytest.fixture
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs chromium on the PATH")
    return found


def test_a_browser_shows_the_text_and_runs_none_of_it(browser: str, tmp_path: Path) -> None:
    # --dump-dom crashes on half a surrogate pair, which no text of a run can hold
    payloads = [payload.replace("\ud800", "") for payload in PAYLOADS]
    shown = [poisoned("\n".join(payloads)), poisoned("\n".join(reversed(payloads)))]
    write_report(tmp_path / "report.html", shown, SUMMARY)
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    page = subprocess.run(
        [*command, "--virtual-time-budget=2000", "--dump-dom", (tmp_path / "report.html").as_uri()],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode(errors="replace")
    rendered = page.partition('<main id="report">')[2].partition("</main>")[0]
    assert "<title>omega_fast report</title>" in page
    assert not re.search(r"<(?:script|img|svg|u)\b", rendered)
    text = html.unescape(re.sub(r"<[^>]*>", "\n", rendered))
    for payload in PAYLOADS[:5]:
        assert payload in text
    for words in ("first error", "90.0 %", "6.0 % of the rollouts were truncated", "4,000"):
        assert words in text
