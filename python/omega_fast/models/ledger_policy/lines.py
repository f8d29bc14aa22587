"""The tiny policy as a distribution over next lines, for exact values."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from omega_fast.models.ledger_policy.policy import LedgerPolicy

__all__ = ["PolicyLines"]


class PolicyLines:
    """The probability, at temperature 1, of each line the policy may write next; a `NextLines`.

    Lines are found by following every token sequence whose probability is at least `floor`. What falls below
    it is left out of the result, so the probabilities sum to a little less than 1.

    Args:
        policy: The policy.
        floor: Least probability of a line that is listed.
        max_tokens: Longest line, in tokens; longer ones are left out.
    """

    def __init__(self, policy: LedgerPolicy, *, floor: float = 1e-4, max_tokens: int = 16) -> None:
        self._policy = policy
        self._floor = floor
        self._max_tokens = max_tokens
        self._end = policy.tokenizer.eos_token_id

    def __call__(self, problem_text: str, steps: tuple[str, ...]) -> Mapping[str, float]:
        """Each next line and its probability; no newline at its end where the policy ends its text."""
        prompt = self._policy.encode(problem_text, steps)
        lines: dict[str, float] = {}
        unfinished: list[tuple[list[int], float]] = [([], 1.0)]
        for _ in range(self._max_tokens):
            if not unfinished:
                break
            logits = self._policy.sampler.next_logits([prompt + ids for ids, _ in unfinished])
            weights = torch.tensor([weight for _, weight in unfinished])[:, None]
            joint = logits.double().softmax(-1) * weights
            extended: list[tuple[list[int], float]] = []
            for row, token in (joint >= self._floor).nonzero().tolist():
                ids, weight = unfinished[row][0], float(joint[row, token])
                text = self._policy.decode(ids if token == self._end else [*ids, token])
                if token == self._end or text.endswith("\n"):
                    lines[text] = lines.get(text, 0.0) + weight
                else:
                    extended.append(([*ids, token], weight))
            unfinished = extended
        return lines
