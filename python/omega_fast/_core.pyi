"""
The compiled search core. Use `omega_fast`; this module is private and may change.
"""

from _typeshed import SupportsGetItem, SupportsLenAndGetItem
from typing import SupportsIndex, final
from typing_extensions import Buffer

__all__ = ["Forest", "LogLines", "Recorded", "Request", "Response", "Scheduler", "step_cuts"]

@final
class Forest:
    """
    Many search trees under one configuration (JSON). It does no I/O; `omega_fast.search.mcts` says how to use it.

    Columns are buffers of native 32-bit numbers, or of bytes; `None` is an empty one. Raises `ConfigError` for a configuration that cannot work.
    """
    def __new__(cls, /, config: str) -> Forest: ...
    def add_trees(self, /, count: SupportsIndex) -> int:
        """
        Adds so many trees and gives the number of the first; the others follow.
        """
    def advance(self, /, tree: SupportsIndex, step: SupportsIndex) -> bool:
        """
        Makes the root's child by this step the root; false if it was never visited. Raises `OmegaError` for no tree.
        """
    def answer(self, /, trees: Buffer | None, sequences: Buffer | None, kinds: Buffer | None, values: Buffer | None, verdicts: Buffer | None, offsets: Buffer | None, ids: Buffer | None, priors: Buffer | None) -> None:
        """
        Answers requests, in any order and any subset.

        `kinds`: 0 evaluated, 1 evaluated and terminal, 2 proposed, 3 lost, 4 cancelled. `values` has one a role for each
        request. Request i's steps are `ids[offsets[i]:offsets[i + 1]]`, likewise `priors`; either may be empty, and so may
        `verdicts`, where NaN is none. Raises `InputError` for columns that do not fit, `OmegaError` for a request that is not in flight.
        """
    def best_line(self, /, tree: SupportsIndex, by_value: bool) -> list[int]:
        """
        The steps of the best line, by most visits or, `by_value`, by the highest Q. Raises `OmegaError` for no tree.
        """
    def children(self, /, tree: SupportsIndex, node: SupportsIndex | None = None) -> list[tuple[int, int | None, int, int, float | None, float, bool]]:
        """
        The children of a node, or of the root: step, node or `None`, visits, values, Q or `None`, prior, whether open.
        """
    def finished(self, /, tree: SupportsIndex) -> list[tuple[list[int], float]]:
        """
        Every finished node as (steps from the root, value). Raises `OmegaError` for no tree.
        """
    @property
    def is_done(self, /) -> bool:
        """
        Whether no tree has anything left to do.
        """
    def poll(self, /, max: SupportsIndex) -> list[bytes]:
        """
        At most `max` requests as columns: tree, sequence, node, 1 where proposals are wanted, and the steps of their
        paths from the root, request i's at `offsets[i]` to `offsets[i + 1]`: (..., offsets, steps).
        """
    def poll_cancels(self, /) -> list[tuple[int, int]]:
        """
        Requests that can no longer matter, as (tree, sequence).
        """
    def retire(self, /, tree: SupportsIndex) -> None:
        """
        Forgets a tree. Raises `OmegaError` if it is not there.
        """
    def state(self, /, tree: SupportsIndex) -> tuple[int, float | None, int, int]:
        """
        Simulations made, the root's Q or `None`, requests in flight, bytes. Raises `OmegaError` for no tree.
        """

@final
class LogLines:
    """
    The good lines that some bytes of a log begin with: `most` at most, the first following the line with hash `chain`.

    What records of responses among them say is read too if `responses`, for `Recorded`. Raises `StoreError` for one that
    is not what this version writes.
    """
    def __new__(cls, /, bytes: bytes | bytearray, chain: SupportsLenAndGetItem[SupportsIndex], most: SupportsIndex = ..., *, responses: bool = False) -> LogLines: ...
    def payloads(self, /, kinds: SupportsGetItem[int, str] | None = None) -> list[bytes]:
        """
        Their payloads, or those of some kinds of records alone.
        """
    @property
    def reach(self, /) -> tuple[int, int, bytes, str | None]:
        """
        Lines, the bytes they take, the hash of the last, and why the line after them is damaged, or `None`.
        """

@final
class Recorded:
    """
    Answers the requests of a scheduler from a log, as far as it reaches; `questions` are its ids in their order there.
    """
    def __new__(cls, /, questions: SupportsGetItem[int, str], version: str) -> Recorded: ...
    def answer(self, /, request: Request) -> tuple[Response, bool] | None:
        """
        The recorded answer to a request, and whether it is that the draw is lost; `None` if there is none.
        """
    @property
    def counts(self, /) -> tuple[int, int, int]:
        """
        Rollouts in the log, the tokens they took, responses handed to the scheduler.
        """
    def feed(self, /, scheduler: Scheduler, lines: LogLines) -> tuple[list[tuple[int, int]], list[tuple[str, list[int]]]]:
        """
        Hands the scheduler what it asks for and keeps the rest.

        Gives lost draws from questions themselves, as (question, draw), and what was paid by question id: rollouts, tokens
        by our own counts; as billed, tokens of prompts, of these cached, and generated.
        """
    def note_last_words(self, /, lines: LogLines) -> None:
        """
        Takes note of last verdicts, where a log has several on a draw, before `feed`.
        """
    def take_unclaimed(self, /, scheduler: Scheduler) -> list[Request]:
        """
        Requests polled here from this scheduler that the log does not answer, oldest first; the engine has to.
        """
    def take_unjudged(self, /, request: Request) -> tuple[int | None, str, list[int], list[int], int, int, str] | None:
        """
        A recorded rollout that nobody judged: the digest of its ids if made early, text, ids, ends, tokens, tokens before it, why it ended.
        """

@final
class Request:
    """
    A continuation the search wants. Answer it with a `Response` made from it.
    """
    @property
    def at_root(self, /) -> bool:
        """
        Whether the prefix is empty.
        """
    @property
    def draw(self, /) -> int:
        """
        Which draw from that state, from 0.
        """
    @property
    def max_new_tokens(self, /) -> int:
        """
        The longest continuation allowed, in tokens.
        """
    @property
    def prefix(self, /) -> str:
        """
        The solution so far.
        """
    @property
    def prefix_tokens(self, /) -> list[int] | None:
        """
        The ids the prefix was generated as; `None` if they are unknown or the cut fell inside a token.
        """
    @property
    def question(self, /) -> int:
        """
        Number of the question, as `Scheduler.add_question` gave it.
        """
    @property
    def role(self, /) -> str:
        """
        What is wanted: `rollout`.
        """
    @property
    def seed(self, /) -> int:
        """
        Seed for this draw alone, below 2**63.
        """
    @property
    def sequence(self, /) -> int:
        """
        Position among the question's requests of its kind, speculative or not, from 0.
        """
    @property
    def speculative(self, /) -> bool:
        """
        Whether no decision had asked for it when it was handed out.
        """
    @property
    def state(self, /) -> str:
        """
        The state's key: 32 hexadecimal digits over the bytes of the prefix.
        """

@final
class Response:
    """
    The answer to a `Request`: a judged continuation, or the news that there will be none.
    """
    @staticmethod
    def cancelled(request: Request) -> Response:
        """
        Nobody works on the request any more; for speculative ones alone.
        """
    @staticmethod
    def lost(request: Request) -> Response:
        """
        No continuation will come. The draw stays paid for and leaves the denominator.
        """
    @staticmethod
    def rollout(request: Request, *, text: str, token_ids: SupportsGetItem[int, SupportsIndex], token_ends: SupportsGetItem[int, SupportsIndex], n_tokens: SupportsIndex, verdict: str, answer: str | None) -> Response:
        """
        A judged continuation.

        `token_ends[i]` is the offset in UTF-8 bytes of `text` at which token i ends, or -1 inside a character.
        Raises `InputError` for an unknown verdict.
        """

@final
class Scheduler:
    """
    Decides what to sample for many questions, and what the samples mean. It does no I/O.

    Add questions; then, until `is_done`, have the requests of `poll_requests` answered and hand the answers to
    `handle_responses`, in any order and any subset. The labels depend on configuration, questions and responses
    alone. Raises `ConfigError` for a configuration that cannot work.
    """
    def __new__(cls, /, config: str) -> Scheduler: ...
    def add_question(self, /, id: str, problem: str, solutions: SupportsGetItem[int, tuple[str, SupportsGetItem[int, SupportsIndex], str, str | None, str]] = ...) -> int:
        """
        Queues a question and gives its number. Seeds depend on `id` and `problem`.

        Raises `InputError` if the steps of a solution do not add up to its text.
        """
    def epoch(self, /, epoch: SupportsIndex) -> str | None:
        """
        The rates learnt in an epoch, as JSON; `None` if it was not learnt.
        """
    def handle_responses(self, /, responses: SupportsGetItem[int, Response]) -> None:
        """
        Takes responses, in any order and any subset, and decides what follows.

        Raises `OmegaError` for a request that is not in flight, `InputError` for token ends that do not fit the text.
        """
    @property
    def in_flight(self, /) -> int:
        """
        Requests handed out and not answered.
        """
    @property
    def is_done(self, /) -> bool:
        """
        Whether every question added so far is finished.
        """
    def poll_cancels(self, /) -> list[tuple[int, int]]:
        """
        Speculative requests, as (question, sequence), that can no longer matter; answer them with
        `Response.cancelled`.
        """
    def poll_events(self, /) -> list[tuple[str, int, int | None]]:
        """
        News since the last call: (`error_located`, question, search), (`search_finished`, question, `None`) or
        (`epoch_learnt`, epoch, how many questions it is learnt from).
        """
    def poll_requests(self, /, max: SupportsIndex) -> list[Request]:
        """
        At most `max` requests, oldest first.
        """
    def poll_speculative(self, /, max: SupportsIndex) -> list[Request]:
        """
        At most `max` draws that no decision has asked for yet, likeliest first, for slots that would stand idle.
        """
    def retire(self, /, question: SupportsIndex) -> tuple[bytes, str]:
        """
        Forgets a finished question; gives its artifacts and, as JSON too, its finish, counts, labels and verdicts.

        Raises `OmegaError` if it is not finished.
        """
    def set_first_to_finish(self, /, first: bool) -> None:
        """
        Whether the first questions' requests go out before those of later ones, rather than the oldest requests;
        changes when questions finish, and no label.
        """
    def set_max_open(self, /, max_open: SupportsIndex) -> None:
        """
        How many questions may be open at once; changes memory and speed, and no label.
        """
    @property
    def speculation(self, /) -> tuple[int, int, int, int]:
        """
        Speculative requests so far: handed out, asked for by a decision since, cancelled, come back unasked for.
        """
    def stop(self, /, question: SupportsIndex) -> None:
        """
        Ends an open question where it stands: a draw it waits for has no answer. Raises `OmegaError` if it is not open.
        """

def step_cuts(config: str, text: str, token_ends: SupportsGetItem[int, SupportsIndex] = ..., prefix: str = "") -> list[int]:
    """
    The offsets in UTF-8 bytes at which the steps of `text` end, under the split rule of a search configuration.

    `config` is the JSON that `Scheduler` takes, `text` what the policy went on with after `prefix`. Raises `ConfigError` for one that cannot work, `InputError` for token
    ends that do not fit the text.
    """
