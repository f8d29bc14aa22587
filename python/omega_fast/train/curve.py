"""The loss curve of a training as an SVG file, written anew while it runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from omega_fast.store.files import LocalFileSystem, write_atomically

__all__ = ["CurveWriter", "render_curve", "series_of"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 360, 56, 40
_COLOURS = ("#1f5fa8", "#c2571a", "#3a7d34")
_NAMES = {"loss": "training", "eval_loss": "held out"}

Point = tuple[float, float]


def series_of(history: Sequence[Mapping[str, Any]], names: Iterable[str] = _NAMES) -> dict[str, list[Point]]:
    """The curves in a trainer's log: name to (update, value), in order; what is not finite is left out."""
    found: dict[str, list[Point]] = {}
    for entry in history:
        for name in names:
            if name in entry and math.isfinite(entry[name]):
                found.setdefault(name, []).append((float(entry["step"]), float(entry[name])))
    return found


def render_curve(history: Sequence[Mapping[str, Any]], title: str, names: Mapping[str, str] = _NAMES) -> str:
    """The curves of a trainer's log as one SVG picture: values over updates.

    Args:
        history: The log.
        title: Above the picture.
        names: What is drawn, and what it is called; losses by default.
    """
    series = series_of(history, names)
    points = [point for each in series.values() for point in each]
    most = max((x for x, _ in points), default=1.0) or 1.0
    low, high = min((y for _, y in points), default=0.0), max((y for _, y in points), default=1.0)
    span = (high - low) or 1.0

    def place(point: Point) -> str:
        x = _LEFT + point[0] / most * (_WIDTH - _LEFT - 16)
        y = 28 + (high - point[1]) / span * (_HEIGHT - _BOTTOM - 28)
        return f"{x:.1f},{y:.1f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="18">{escape(title)}</text>',
        f'<path d="M{_LEFT} 28V{_HEIGHT - _BOTTOM}H{_WIDTH - 16}" fill="none" stroke="#888"/>',
        f'<text x="{_LEFT - 6}" y="34" text-anchor="end">{high:.3g}</text>',
        f'<text x="{_LEFT - 6}" y="{_HEIGHT - _BOTTOM}" text-anchor="end">{low:.3g}</text>',
        f'<text x="{_WIDTH - 16}" y="{_HEIGHT - 22}" text-anchor="end">{most:.0f} updates</text>',
    ]
    for at, (name, each) in enumerate(series.items()):
        colour = _COLOURS[list(names).index(name) % len(_COLOURS)]
        drawn = " ".join(map(place, each))
        lines.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        lines.append(
            f'<text x="{_LEFT + 190 * at}" y="{_HEIGHT - 8}" fill="{colour}">{names[name]} {each[-1][1]:.3g}</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


class CurveWriter(TrainerCallback):
    """Writes the curve to a file whenever something is logged, in the main process alone."""

    def __init__(self, path: Path, title: str) -> None:
        self._path = path
        self._title = title

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the curve so far."""
        del args, control
        if state.is_world_process_zero:
            self.write(state.log_history)

    def write(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write the curve of a log."""
        data = render_curve(history, self._title).encode()
        write_atomically(LocalFileSystem(), self._path, data)
