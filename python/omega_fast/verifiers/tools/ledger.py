"""The embedded task's executor as a tool: whether the last line of a solution follows from the lines before it."""

from __future__ import annotations

from omega_fast.errors import InputError
from omega_fast.tasks.ledger.text import parse
from omega_fast.tasks.ledger.working import Working
from omega_fast.verifiers.tools.base import Finding, ToolAnswer
from omega_fast.verifiers.tools.closing import Closing

__all__ = ["LedgerTool"]

_LONGEST = 20_000
_RESULT = 6
"""The place of the result among the words of a line."""


class LedgerTool(Closing):
    """Carries out ledger problems. A query is the problem on one line, and then the solution's lines so far.

    The last line is judged on what the lines before it wrote, right or wrong: it is right if it is the line of a
    statement that is ready, or the answer once nothing is left to do. So an error is found where it is made, and not
    again in the lines that follow from it. After a line that belongs to no statement it cannot say.

    The value of a finding is the right line of the statement that the last line names, as the lines before it have the
    registers; there is none where no statement of that name is ready.
    """

    name = "ledger"
    version = "ledger-tool-2"
    language = (
        "a ledger problem on one line, and then the lines of its solution so far; the last one is judged"
    )

    def check(self, query: str) -> ToolAnswer:
        """The finding on the last line of a query."""
        problem, *lines = query[:_LONGEST].removesuffix("\n").split("\n")
        if len(query) > _LONGEST or not lines:
            return ToolAnswer(
                Finding.CANNOT_SAY, "a query is a ledger problem and at least one line of its solution"
            )
        try:
            page = Working(parse(problem))
        except InputError as error:
            return ToolAnswer(Finding.CANNOT_SAY, error.message)
        for number, line in enumerate(lines[:-1], 1):
            if not _written(page, line):
                return ToolAnswer(Finding.CANNOT_SAY, f"line {number} belongs to no statement left to do")
        return _judged(page, lines[-1])


def _judged(page: Working, line: str) -> ToolAnswer:
    right = [page.copy().write(position).removesuffix("\n") for position in page.ready()]
    if not right:
        right = [page.write_answer().removesuffix("\n")]
    said = line.split()
    if said[:1] == ["answer"]:
        if page.todo:
            return ToolAnswer(Finding.WRONG, "the answer comes too soon")
        return _compared(line, right[0], 1)
    wanted = next((each for each in right if each.split()[:2] == said[:2]), None)
    if wanted is None:
        return ToolAnswer(Finding.WRONG, "it is the line of no statement that is ready")
    return _compared(line, wanted, _RESULT)


def _compared(line: str, wanted: str, at: int) -> ToolAnswer:
    """What stands from a place on in the line and in the right one, in the same words whichever it is."""
    finding = Finding.RIGHT if line == wanted else Finding.WRONG
    gives, says = (" ".join(each.split()[at:]) for each in (wanted, line))
    if says and (gives != says or finding is Finding.RIGHT):
        return ToolAnswer(finding, f"carried out, it gives {gives}, the line says {says}", wanted)
    return ToolAnswer(finding, f"carried out, this statement is {wanted!r}", wanted)


def _written(page: Working, line: str) -> bool:
    """Carry out what a line says, its result as it stands there; false for a line of no statement left to do."""
    said = line.split()
    position = next(
        (
            each
            for each in sorted(page.todo)
            if [page.statements[each].tag, page.statements[each].register] == said[:2]
        ),
        None,
    )
    if position is None or len(said) != 7 or said[5] != "=" or not (said[6].isascii() and said[6].isdigit()):
        return False
    if len(said[6]) > 4:
        return False
    page.write(position, result=int(said[6]))
    return True
