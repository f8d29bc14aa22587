"""Scored solutions made by hand."""

from omega_fast.train.gflownet.solutions import Drawn, Scored


def drawn(ids, cuts=None, *, question=0, text=None, finished=True, version=0, number=0, steps=None) -> Drawn:
    text = "".join(map(chr, ids)) if text is None else text
    cuts = tuple(cuts or ((len(ids),) if ids else ()))
    starts = (0, *cuts)[: len(cuts)]
    pieces = steps or tuple(text[a:b] for a, b in zip(starts, cuts, strict=True))
    return Drawn(question, text, tuple(ids), cuts, pieces, finished, version, number)


def scored(ids, r=0.5, *, bonuses=None, right=None, **more) -> Scored:
    each = drawn(ids, **more)
    states = len(each.cuts) + 1
    return Scored(each, r, bonuses or (0.0,) * (states - 1) + (r or 0.0,), (0.0,) * states, right)
