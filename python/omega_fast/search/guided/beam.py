"""Searches over steps that keep the best prefixes of each round: greedy, beam search, diverse verifier tree search."""

from __future__ import annotations

from collections.abc import Sequence

from omega_fast.search.guided.plan import Plan
from omega_fast.search.guided.question_search import QuestionSearch
from omega_fast.search.guided.tree import Node, Status

__all__ = ["beam", "beam_search", "diverse_tree_search", "greedy_search"]


def greedy_search(search: QuestionSearch, n: int) -> Plan[None]:
    """Propose `beam_width` steps, keep the best, go on from it; n makes no difference."""
    del n
    yield from beam(search, keep=1, width=search.settings.beam_width, groups=1, finished_compete=True)


def beam_search(search: QuestionSearch, n: int) -> Plan[None]:
    """Keep n / beam_width prefixes, propose `beam_width` steps for each (arXiv 2408.03314).

    Finished solutions leave the beam and do not compete with prefixes. It ends once n are finished.
    """
    width = search.settings.beam_width
    yield from beam(search, keep=n // width, width=width, groups=1, finished_compete=False, enough=n)


def diverse_tree_search(search: QuestionSearch, n: int) -> Plan[None]:
    """N / beam_width greedy searches that share nothing: diverse verifier tree search.

    Each ends where its best candidate is a finished solution; what else finished in that round is a solution too.
    """
    width = search.settings.beam_width
    yield from beam(search, keep=1, width=width, groups=n // width, finished_compete=True)


def beam(
    search: QuestionSearch,
    *,
    keep: int,
    width: int,
    groups: int,
    finished_compete: bool,
    enough: int | None = None,
) -> Plan[None]:
    """Rounds of proposing, scoring and keeping the best, for `groups` beams side by side.

    A round proposes keep * width steps in each group, shared evenly among its prefixes; the first all start from the
    question. The last of `max_steps` rounds writes solutions to their end.

    Args:
        search: The question.
        keep: Prefixes that a group goes on with.
        width: Steps proposed for each.
        groups: Beams that do not compete with each other.
        finished_compete: Whether a finished solution takes the place of a prefix; a group whose best is finished ends.
        enough: Finished solutions after which nothing more is proposed.
    """
    settings = search.settings
    beams: list[list[Node]] = [[search.root] for _ in range(groups)]
    finished_before = len(search.completions)
    for at in range(settings.max_steps):
        is_last = at + 1 == settings.max_steps
        wants = [
            (at, node, count)
            for at, group in enumerate(beams)
            for node, count in zip(group, _shares(keep * width, len(group)), strict=True)
        ]
        grown = yield from search.extend([want[1:] for want in wants], to_step_end=not is_last)
        candidates: list[list[Node]] = [[] for _ in beams]
        for (group_at, _, _), children in zip(wants, grown.children, strict=True):
            candidates[group_at] += [node for node in children if node.status is not Status.CUT]
        everything = [node for group in candidates for node in group]
        ends = yield from search.look_ahead(everything)
        yield from search.score([*everything, *ends.values()])
        ranks = {number: search.rank(end) for number, end in ends.items()}
        for group_at, group in enumerate(candidates):
            if settings.filter_duplicates:
                group = list({node.number: node for node in group}.values())  # noqa: PLW2901
            beams[group_at] = _kept(group, ranks, keep, finished_compete=finished_compete)
        done = len(search.completions) - finished_before
        if not grown.made or not any(beams) or (enough is not None and done >= enough):
            return


def _kept(
    candidates: Sequence[Node], ranks: dict[int, float], keep: int, *, finished_compete: bool
) -> list[Node]:
    """The best prefixes, best first; of equals the one that was asked for first."""
    competing = [each for each in candidates if finished_compete or each.status is Status.OPEN]
    best = sorted(competing, key=lambda node: -ranks[node.number])[:keep]
    if best and best[0].status is Status.FINISHED:
        return []
    return [node for node in best if node.status is Status.OPEN]


def _shares(total: int, among: int) -> list[int]:
    """`total` shared evenly, the first ones getting what is left over."""
    return [total // among + (at < total % among) for at in range(among)]
