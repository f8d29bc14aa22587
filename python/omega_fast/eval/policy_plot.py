"""Accuracy and diversity of policies over the number of samples, as one SVG picture with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log2
from typing import Any

from omega_fast.eval.policy import bounds_of

__all__ = ["render_policies"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 400, 300, 48, 30, 46
_COLOURS = ("#1f5fa8", "#c2571a", "#3a7d34", "#7a3a9a", "#8a6d1d", "#555555")
_PANELS: Mapping[str, str] = {
    "pass": "right answer among k samples",
    "distinct": "different right solutions among k samples",
    "coverage": "share of all right solutions found by k samples",
}


def render_policies(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """A panel for each family of figures that is there, a line for each policy.

    Args:
        figures: By policy, what `policy_figures` gives.
    """
    panels = {
        family: lines
        for family in _PANELS
        if (lines := {name: _points(each, family) for name, each in figures.items()}) and any(lines.values())
    }
    height = _HEIGHT + 18 * len(figures)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH * max(1, len(panels))} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH * max(1, len(panels))}" height="{height}" fill="white"/>',
    ]
    for at, (family, lines) in enumerate(panels.items()):
        parts += [f'<g transform="translate({at * _WIDTH} 0)">', *_panel(_PANELS[family], lines), "</g>"]
    for at, name in enumerate(figures):
        y, colour = _HEIGHT + 12 + 18 * at, _COLOURS[at % len(_COLOURS)]
        parts.append(f'<text x="{_LEFT}" y="{y}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


_Point = tuple[int, float, float, float]


def _points(figures: Mapping[str, Any], family: str) -> list[_Point]:
    """k, the figure and its bounds, in order of k."""
    found = []
    for name, figure in figures.items():
        kind, at, k = name.partition("@")
        if at and kind == family:
            bounds = bounds_of(figure) or {"low": figure["value"], "high": figure["value"]}
            found.append((int(k), figure["value"], bounds["low"], bounds["high"]))
    return sorted(found)


def _panel(title: str, lines: Mapping[str, Sequence[_Point]]) -> list[str]:
    points = [point for each in lines.values() for point in each]
    most = max(high for *_, high in points) or 1.0
    widest = max(1.0, log2(max(k for k, *_ in points)))

    def x_of(k: int) -> float:
        return _LEFT + log2(k) / widest * (_WIDTH - _LEFT - 24)

    def y_of(value: float) -> float:
        return _HEIGHT - _BOTTOM - max(0.0, value) / most * (_HEIGHT - _BOTTOM - _TOP)

    parts = [
        f'<text x="{_LEFT}" y="18">{escape(title)}</text>',
        f'<path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - 16}" fill="none" stroke="#888"/>',
        f'<text x="{_LEFT - 6}" y="{_TOP + 6}" text-anchor="end">{most:.3g}</text>',
        f'<text x="{_LEFT - 6}" y="{_HEIGHT - _BOTTOM}" text-anchor="end">0</text>',
    ]
    parts += [
        f'<text x="{x_of(k):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{k}</text>'
        for k in sorted({k for k, *_ in points})
    ]
    for at, each in enumerate(lines.values()):
        colour = _COLOURS[at % len(_COLOURS)]
        drawn = " ".join(f"{x_of(k):.1f},{y_of(value):.1f}" for k, value, *_ in each)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [
            f'<path d="M{x_of(k):.1f} {y_of(low):.1f}V{y_of(high):.1f}" stroke="{colour}" stroke-width="1"/>'
            for k, _, low, high in each
        ]
    return parts
