"""A discriminative process reward model: one forward a solution, a score at the end of each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.models.aggregate import Aggregation, aggregate
from omega_fast.models.base import Solution
from omega_fast.models.markers import classes_of, markers_of
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import (
    context_of,
    find_card,
    load_causal,
    load_classifier,
    load_tokenizer,
    place_of,
    refuse_pickles,
)
from omega_fast.models.probe import load_probe, save_probe
from omega_fast.models.solution_log_probs import solution_log_probs
from omega_fast.models.step_encoder import EncodedSteps, StepEncoder
from omega_fast.models.step_logits import at_ends, in_rows, of_classes, pad_sequences, right_logit

__all__ = ["PRM", "ImplicitPRM", "encoder_of", "load_prm"]

_BATCH_TOKENS = 16_384


class PRM:
    r"""A process reward model with the heads `token-cls`, `value`, `ntp` or `probe`, ready to score.

    A score is the sigmoid of the step's logit; with two classes that is the probability of class 1.

    Args:
        network: Called with token ids and attention mask; gives an object with `logits`, (batch, tokens, classes).
        tokenizer: Its transformers tokenizer.
        card: How solutions are laid out for it.

    Attributes:
        batch_tokens: Tokens in one forward, padding included; a longer solution runs alone.

    >>> prm = load_prm("out/prm")                                                  # doctest: +SKIP
    >>> prm("x is 7 . a x add 1 . ?", ["a x 7 + 1 = 8\n", "answer 8\n"])          # doctest: +SKIP
    [0.98, 0.97]
    """

    def __init__(self, network: Any, tokenizer: Any, card: PrmCard) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.card = card
        self.encoder = encoder_of(network.config, tokenizer, card)
        self.classes = classes_of(tokenizer, card)
        self.batch_tokens = _BATCH_TOKENS

    def score(self, problem: str, steps: Sequence[str]) -> list[float]:
        """The chance that each step is right, in order. Raises `InputError` as `StepEncoder.encode` does."""
        return self.score_many([(problem, steps)])[0]

    __call__ = score

    def score_many(
        self, solutions: Iterable[Solution], *, batch_tokens: int | None = None
    ) -> list[list[float]]:
        """The scores of many solutions, in the order of the argument; those of like length run together.

        Args:
            solutions: Problems with steps.
            batch_tokens: Tokens in one forward instead of the attribute.

        Raises:
            InputError: If a solution has no step, a blank one, or is too long.
        """
        encoded = [self._encoded(number, *solution) for number, solution in enumerate(solutions, 1)]
        scores: list[list[float]] = [[] for _ in encoded]
        for batch in _batches(encoded, batch_tokens or self.batch_tokens):
            logits = self.logits([encoded[at] for at in batch])
            for row, at in enumerate(batch):
                scores[at] = logits[row, : len(encoded[at].ends)].sigmoid().tolist()
        return scores

    def score_solution(
        self, problem: str, steps: Sequence[str], aggregation: Aggregation | None = None
    ) -> float:
        """One score for a solution, by the card's aggregation or another. Raises like `score`."""
        return aggregate(self.score(problem, steps), aggregation or self.card.aggregation)

    def _encoded(self, number: int, problem: str, steps: Sequence[str]) -> EncodedSteps:
        try:
            return self.encoder.encode(problem, steps)
        except InputError as error:
            raise InputError(
                f"solution {number} cannot be scored: {error.message}", hint=error.hint
            ) from error

    @torch.inference_mode()
    def logits(self, encoded: Sequence[EncodedSteps]) -> torch.Tensor:
        """The logit of every step being right, (solutions, most steps); beyond a solution's own steps anything."""
        device = next(self.network.parameters()).device
        ids, mask = pad_sequences([each.ids for each in encoded])
        ends, _ = pad_sequences([each.ends for each in encoded])
        was_training = self.network.training
        self.network.eval()
        try:
            outputs = self.network(
                input_ids=ids.to(device), attention_mask=mask.to(device), **self._spans(encoded)
            )
        finally:
            self.network.train(was_training)
        outputs = at_ends(outputs.logits, in_rows(ends, ids.shape[1]).to(device))
        return right_logit(of_classes(outputs, self.classes)).cpu()

    def _spans(self, encoded: Sequence[EncodedSteps]) -> dict[str, Any]:
        """Where steps start and end, for a network that reads all of a step."""
        if self.card.head != "probe":
            return {}
        return {"starts": [each.starts for each in encoded], "ends": [each.ends for each in encoded]}

    def save(self, folder: Path | str) -> None:
        """Write weights (safetensors), configuration, tokenizer and `prm.json` into a folder.

        Plain transformers loads it as `AutoModelForTokenClassification`, and as `AutoModelForCausalLM` for the heads
        `ntp` and `implicit`, and for a probe that was tuned; for another probe the folder has the two layers
        alone and the name of the model below.
        """
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        if self.card.head == "probe":
            save_probe(self.network, path)
        else:
            self.network.save_pretrained(path)
        self.tokenizer.save_pretrained(path)
        self.card.write(path)


class ImplicitPRM(PRM):
    """A language model as a process reward model, by its log-ratio to a reference (arXiv 2412.01981).

    With q_t = log pi - log pi_ref of all solution tokens up to the end of step t, a score is sigmoid(beta q_t): the
    chance of a right outcome as the cross-entropy objective has it, seen from the end of the step.

    Args:
        network: The trained causal language model.
        tokenizer: Its transformers tokenizer.
        card: How solutions are laid out for it, and beta.
        reference: The causal language model that is taken off.

    Raises:
        BackendError: If the reference has fewer tokens than the tokenizer.
    """

    def __init__(self, network: Any, tokenizer: Any, card: PrmCard, reference: Any) -> None:
        super().__init__(network, tokenizer, card)
        assert card.beta is not None, "training writes it"
        self._beta = card.beta
        self.reference = reference
        if reference.get_input_embeddings().weight.shape[0] < len(tokenizer):
            raise BackendError(
                f"{card.reference} knows fewer tokens than the model's tokenizer has",
                hint="give the model that training began from as reference",
            )

    def logits(self, encoded: Sequence[EncodedSteps]) -> torch.Tensor:
        """Beta q_t of every step, (solutions, most steps), float64; beyond a solution's own steps anything."""
        policy, reference = self._sums(encoded)
        return self._beta * (policy - reference)

    def step_log_probs(self, solutions: Iterable[Solution]) -> list[dict[str, list[float]]]:
        """For each solution the summed log-probability of each step's tokens, by `policy` and `reference`; `scores`.

        Raises:
            InputError: If a solution has no step, a blank one, or is too long.
        """
        encoded = [self._encoded(number, *solution) for number, solution in enumerate(solutions, 1)]
        found: list[dict[str, list[float]]] = [{} for _ in encoded]
        for batch in _batches(encoded, self.batch_tokens):
            sums = self._sums([encoded[at] for at in batch])
            scores = (self._beta * (sums[0] - sums[1])).sigmoid()
            for row, at in enumerate(batch):
                steps = len(encoded[at].ends)
                for name, each in zip(("policy", "reference"), sums, strict=True):
                    found[at][name] = _differences(each[row, :steps].tolist())
                found[at]["scores"] = scores[row, :steps].tolist()
        return found

    def process_rewards(self, problem: str, steps: Sequence[str]) -> list[float]:
        """What each step adds to the log-ratio, q_t - q_(t-1), in order. Raises like `score`."""
        encoded = self.encoder.encode(problem, steps)
        policy, reference = self._sums([encoded])
        return _differences((policy - reference)[0].tolist())

    @torch.inference_mode()
    def _sums(self, encoded: Sequence[EncodedSteps]) -> tuple[torch.Tensor, torch.Tensor]:
        """The sums of log pi and log pi_ref over all tokens up to each step's end, (solutions, most steps) each."""
        ends, _ = pad_sequences([each.ends for each in encoded])
        was_training = self.network.training
        self.network.eval()
        try:
            found = [self._log_probs(each, encoded) for each in (self.network, self.reference)]
        finally:
            self.network.train(was_training)
        policy, reference = (each.cumsum(dim=1).gather(1, ends) for each in found)
        return policy, reference

    @staticmethod
    def _log_probs(network: Any, encoded: Sequence[EncodedSteps]) -> torch.Tensor:
        device = next(network.parameters()).device
        ids, mask = pad_sequences([each.ids for each in encoded])
        starts = torch.tensor([each.start for each in encoded])
        found = network(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
        return solution_log_probs(found, ids.to(device), mask.to(device), starts.to(device)).double().cpu()


def encoder_of(config: Any, tokenizer: Any, card: PrmCard) -> StepEncoder:
    """The encoder that a card describes, for a model of that configuration.

    Raises:
        ConfigError: If `max_length` is more than the model takes, or as `StepEncoder` says.
    """
    context = context_of(config, tokenizer)
    if card.max_length is not None and card.max_length > context:
        raise ConfigError(
            f"max_length is {card.max_length} and the model takes {context} tokens",
            hint="leave it out, or use a model with a longer context",
        )
    return StepEncoder(
        tokenizer,
        card.template,
        card.separator,
        card.max_length or context,
        markers_of(tokenizer, card) if card.head == "ntp" else ((), ()),
    )


def load_prm(
    name: str | Path,
    *,
    revision: str | None = None,
    card: PrmCard | None = None,
    dtype: str = "float32",
    attention: str | None = None,
    device: str | None = None,
    reference: str | None = None,
    tokenizer: str | None = None,
) -> PRM:
    """Load a process reward model that `omega train prm` or `PRM.save` wrote, or one of the same shape.

    Args:
        name: Its folder, or its name on the hub.
        revision: Branch, tag or commit of a hub name.
        card: How solutions are laid out; only needed where there is no `prm.json`, as for TRL's checkpoints.
        dtype: Name of a torch type, or `auto`.
        attention: Implementation of attention; `None` for the library's choice.
        device: Of torch; a GPU where there is one.
        reference: For the head `implicit`, the reference model, if it is not where the card says.
        tokenizer: Folder or hub name of the tokenizer, if it is not with the model.

    Raises:
        BackendError: If there is no such model, nothing says how solutions are laid out, or weights are pickled.
    """
    place = place_of(str(name))
    refuse_pickles(place)
    if card is None:
        found = find_card(place, revision)
        if found is None:
            raise BackendError(
                f"{name} has no prm.json: nothing says how solutions are laid out for it",
                hint='give card=PrmCard(head="token-cls", separator="\\n", ...)',
            )
        card = PrmCard.read(found)
    if card.head == "generative":
        raise BackendError(
            f"{name} writes critiques, which takes another class",
            hint="open it with omega_fast.models.scorers.load_scorer",
        )
    network: Any
    words = load_tokenizer(place, revision) if tokenizer is None else load_tokenizer(place_of(tokenizer))
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if card.head in ("ntp", "implicit"):
        network = load_causal(place, revision=revision, dtype=dtype, attention=attention).eval().to(where)
        if card.head == "implicit":
            # Another place has its own revisions
            named, version = (
                (card.reference, card.reference_revision) if reference is None else (reference, None)
            )
            base = load_causal(place_of(named), revision=version, dtype=dtype, attention=attention)
            base = base.eval().to(where)
            return ImplicitPRM(network, words, card, base)
    elif card.head == "probe":
        network = load_probe(place, card, dtype=dtype, attention=attention)
    else:
        network = load_classifier(place, card.head, revision=revision, dtype=dtype, attention=attention)
    network.eval()
    network.to(where)
    return PRM(network, words, card)


def _differences(sums: Sequence[float]) -> list[float]:
    """What each of some running sums adds to the one before."""
    return [after - before for before, after in pairwise([0.0, *sums])]


def _batches(encoded: Sequence[EncodedSteps], batch_tokens: int) -> Iterator[list[int]]:
    """Positions of sequences that run together, longest first."""
    order = sorted(range(len(encoded)), key=lambda at: -len(encoded[at].ids))
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // len(encoded[order[start]].ids))
        yield order[start : start + size]
        start += size
