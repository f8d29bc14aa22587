"""Every setting of an annotation run, once; flags, recipes, environment and keywords are made from it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from omega_fast.backends.opening import backend_names
from omega_fast.backends.prompts import check_chat_options
from omega_fast.config.durations import seconds_in
from omega_fast.config.fields import Kind, object_from_text, setting, settings_of
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.records import Sampling, ThoughtMarkers

__all__ = ["EMBEDDED_POLICY", "LEDGER", "UNSHOWN", "AnnotateConfig"]

LEDGER = "ledger"
"""The `question_file` that stands for the embedded task."""

UNSHOWN = "unshown"
"""The type of a validation error whose input may be a secret, and is not repeated."""

_EARLY_SHARE = 0.5
_LEAST_WAIT_S = 600.0
_SLOWEST_TOKENS_A_S = 10.0

_MAX_U32 = 2**32 - 1
_MAX_SOFT_ROLLOUTS = 2**16
_MAX_U64 = 2**64 - 1

_Text = Annotated[str, Field(min_length=1)]
_Unanswered = Literal["wrong", "exclude"]

_identity = partial(setting, kind=Kind.IDENTITY)
_extensible = partial(setting, kind=Kind.EXTENSIBLE)
_operational = partial(setting, kind=Kind.OPERATIONAL)

_questions = partial(_extensible, group="Questions")
_model = partial(_operational, group="Model")
_prompt = partial(_identity, group="Prompt")
_sampling = partial(_identity, group="Sampling")
_search = partial(_identity, group="Search")
_steps = partial(_identity, group="Steps")
_answers = partial(_identity, group="Answers")
_budget = partial(_extensible, group="Budget per question")
_whole = partial(_operational, group="Budget of the whole run")
_running = partial(_operational, group="Running")
_output = partial(_operational, group="Output")


class AnnotateConfig(BaseModel):
    """The settings of one annotation run; `resolve` makes one from several sources and explains faults."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        validate_default=True,
        hide_input_in_errors=True,
    )

    question_file: str = _questions(
        ..., "Questions as JSON or JSON Lines, or 'ledger' for the embedded task", min_length=1
    )
    format: str = _questions("auto", "Format of the question file; 'auto' looks at its first record")
    limit: int | None = _questions(None, "Use this many questions from the start; a run can grow later", ge=1)
    ledger_split: Literal["train", "validation", "test", "long"] = _identity(
        "test", "Which problems of the embedded task", group="Questions"
    )
    ledger_skin: Literal["plain", "story"] = _identity(
        "plain",
        "How the problems of the embedded task are told; the embedded policy is told a story in plain words",
        group="Questions",
    )

    model_name: str = _model(
        EMBEDDED_POLICY,
        "Folder or hub name, or 'ledger-policy', the embedded one; for 'recorded' a JSON file or 'questions'",
        min_length=1,
    )
    model_type: str = _model(
        "hf",
        "Engine: 'hf' or 'vllm' run the model here, 'openai' asks a server, 'recorded' plays back solutions",
    )
    base_url: str | None = _model(
        None, "Address of an OpenAI-compatible server, such as http://localhost:8000/v1", min_length=1
    )
    api_key_env: str = _model(
        "OPENAI_API_KEY", "Environment variable that holds the server's key; the key itself is kept nowhere"
    )
    tokenizer: str | None = _model(
        None,
        "Tokenizer of the served model, folder or hub name; none for model_name, 'off' to send texts",
        min_length=1,
    )
    device: str = _model("auto", "Torch device; 'auto' is the first GPU, else the CPU", min_length=1)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = _model(
        "auto", "Precision of the model; 'auto' is the checkpoint's own"
    )
    revision: str | None = _model(None, "Branch, tag or commit of a hub name")
    trust_remote_code: bool = _model(
        False, "Run Python code that comes with the model; a hub name needs a revision then"
    )
    attn_implementation: str = _model("sdpa", "Attention implementation, by the name transformers gives it")
    max_context: int | None = _model(
        None, "Most tokens of prompt and solution together; none for the model's own limit", ge=2
    )
    slots: int = _model(64, "Requests the engine works on at once", ge=1)
    tensor_parallel_size: int = _model(1, "GPUs that share one copy of the model, for vllm", ge=1)
    adapter: Path | None = _model(None, "Folder of a LoRA adapter, for hf and vllm")
    engine_args: dict[str, Any] = _model(
        {}, "Further engine arguments of vllm by its names, as a JSON object; a mapping in recipes"
    )
    threads: int | None = _model(None, "CPU threads of the engine; none leaves them as they are", ge=1)

    chat: bool | None = _prompt(None, "Use the model's chat template; by default if it has one")
    chat_options: dict[str, Any] = _prompt(
        {}, 'Variables of the chat template, as a JSON object such as {"enable_thinking": false}'
    )
    system_prompt: str | None = _prompt(None, "System message")
    prompt_template: str = _prompt("{problem}", "What the policy is asked; {problem} stands for the problem")
    stop: tuple[_Text, ...] = _prompt(
        (), "Text that ends a solution, beside the model's own end; may be repeated", escapes=True
    )

    max_new_tokens: int = _sampling(2048, "Longest continuation, in tokens", ge=1, le=_MAX_U32)
    temperature: float = _sampling(0.7, "Sampling temperature; 0 is greedy", ge=0, allow_inf_nan=False)
    top_k: int = _sampling(30, "Sample from this many likeliest tokens; 0 for all", ge=0)
    top_p: float = _sampling(0.9, "Sample from the likeliest tokens with this share; 1 for all", gt=0, le=1)

    seed: int = _search(0, "Seed of every draw", ge=0, le=_MAX_U64)
    num_rollouts: int = _search(16, "Draws that settle a state (k)", ge=1, le=_MAX_U32)
    root_rollouts: int = _search(
        0,
        "Draws from the question itself; 0 for num_rollouts, 32 for the paper's screening",
        ge=0,
        le=_MAX_U32,
    )
    locate: Literal["binary", "early_stop", "every_step", "sequential", "bayes"] = _search(
        "bayes", "How the first error of a wrong solution is found; 'binary' as published"
    )
    locate_confidence: float = _search(
        0.955, "Probability at which 'bayes' takes a first error for located", ge=0.5, lt=1
    )
    locate_cap: int = _search(
        0,
        "Draws 'bayes' may spend on one solution; 0 for num_rollouts for each halving of its steps",
        ge=0,
        le=_MAX_U32,
    )
    searches_at_once: int = _search(
        4,
        "How much of one question 'bayes' does at once when its first error is located: searches and further draws",
        ge=1,
        le=_MAX_U32,
    )
    alpha: float = _search(0.5, "Base of the preference for states nearly solved", gt=0, allow_inf_nan=False)
    beta: float = _search(0.9, "Base of the penalty on long rollouts", gt=0, allow_inf_nan=False)
    length_scale: float = _search(
        500.0, "Length at which that penalty is beta (L)", gt=0, allow_inf_nan=False
    )
    c_puct: float = _search(0.125, "Weight of exploration", ge=0, allow_inf_nan=False)
    length_unit: Literal["tokens", "words", "characters"] = _search(
        "tokens", "What the length of a rollout counts"
    )
    solutions: Literal["label", "seed", "ignore"] = _search(
        "label", "Solutions in the input: label them alone, search their wrong ones first, or ignore them"
    )

    right_leaves: Literal["root", "all"] = _search(
        "root",
        "Right rollouts whose steps are labelled right: those from the question, or from all right prefixes",
    )
    soft_rollouts: int = _search(
        0,
        "Draws for an unbiased soft label at labelled states without one, paid from the rollout budget; 0 for none",
        ge=0,
        le=_MAX_SOFT_ROLLOUTS,
    )

    separator: str = _steps("\n\n", "Text that ends a step", min_length=1, escapes=True)
    split_pattern: str | None = _steps(None, "Regular expression that ends a step, instead", min_length=1)
    split_tokens: int | None = _steps(
        None, "Halve solutions until no step has more tokens, instead", ge=1, le=_MAX_U32
    )

    split_thought: Literal["none", "inside", "after", "both"] = _steps(
        "none",
        "What is cut where a model thinks before it answers: its thought, what comes after, both; none is blind to it",
    )
    thought_open: str = _steps("<think>", "Marker that begins a thought", min_length=1)
    thought_close: str = _steps("</think>", "Marker that ends a thought", min_length=1)
    thought_opened: bool | None = _steps(
        None, "The prompt leaves a thought open; by default if it ends in thought_open"
    )

    verifier: str = _answers(
        "answer", "What judges a solution: 'answer', or a function of yours as module:function"
    )
    gold: Literal["given", "majority"] = _answers(
        "given", "Right answers: as given, or what most draws say where none is given"
    )
    no_answer: _Unanswered = _answers("wrong", "How a solution without an answer counts")
    truncated: _Unanswered = _answers("wrong", "How a solution that met max_new_tokens counts")

    max_search_count: int = _budget(20, "Searches for a first error", ge=0, le=_MAX_U32)
    rollout_budget: int = _budget(200, "Rollouts, those from the question itself included", ge=1, le=_MAX_U32)
    token_budget: int | None = _budget(None, "Generated tokens; none for no limit", ge=1, le=_MAX_U64)

    max_tokens: int | None = _whole(
        None,
        "Generated tokens, earlier starts included; then the run drains, and resumes with more",
        ge=1,
        le=_MAX_U64,
    )
    max_cost: Decimal | None = _whole(
        None,
        "Money, earlier starts included, at the prices of price_file; then the run drains, and resumes with more",
        gt=0,
        allow_inf_nan=False,
    )
    max_time: float | None = _whole(
        None,
        "Time of this start, such as 2h30m, 90m or 5400 (seconds); then the run drains, and resumes",
        gt=0,
        allow_inf_nan=False,
    )
    price_file: Path | None = _whole(
        None, "YAML, TOML or JSON file of what a million tokens cost, by model_name; see docs/methods.md"
    )
    spend: Literal["auto", "even", "finish"] = _whole(
        "auto",
        "Whose turn it is: all open questions', or the first's, to finish it; auto is finish under a budget above",
    )

    max_open: int | None = _running(None, "Questions searched at once; none for four to a slot", ge=1)
    speculation: float | None = _running(
        None,
        "Share of the slots for draws made early where nothing else wants them; none for 0.5 "
        "with hf and vllm, for 0 with servers, max_tokens or max_cost",
        ge=0,
        le=1,
    )
    verifier_workers: int | None = _running(
        None, "Processes that judge answers; none for one to two cores, at most 8, started when needed", ge=1
    )
    verifier_deadline: float = _running(
        5.0, "Seconds one answer may take to judge", gt=0, allow_inf_nan=False
    )
    stall_timeout: float | None = _running(
        None,
        "Seconds without a continuation before the engine counts as hung; none for 600, or 0.1 a token of "
        "max_new_tokens if that is more",
        gt=0,
        allow_inf_nan=False,
    )
    grace_period: float = _running(
        30.0, "Seconds to wait for what is in flight once interrupted", ge=0, allow_inf_nan=False
    )
    retries: int = _running(5, "Further tries of a generation that failed", ge=0)
    request_timeout: float | None = _running(
        None,
        "Seconds a server may take for one try of a generation; none for the same",
        gt=0,
        allow_inf_nan=False,
    )

    output_dir: Path = _output(Path("output_results"), "Run directory; the same one resumes the run")
    save_data_tree: bool = _output(True, "Also export the search trees in openr's tree format")
    log_file_prefix: str | None = _output(
        None, "Write messages to PREFIX.log too, its folders created", min_length=1
    )
    progress: Literal["auto", "rich", "plain", "none"] = _output("auto", "How progress is shown")

    @field_validator("question_file", "model_name", "model_type", "verifier", mode="before")
    @classmethod
    def _without_blanks_around(cls, value: object) -> object:
        return value.strip() if isinstance(value, str) else value

    @field_validator("chat_options", "engine_args", mode="before")
    @classmethod
    def _read_from_json(cls, value: object) -> object:
        return object_from_text(value)

    @field_validator("max_time", mode="before")
    @classmethod
    def _read_duration(cls, value: object) -> object:
        return seconds_in(value)

    @field_validator("price_file")
    @classmethod
    def _found_from_anywhere(cls, path: Path | None) -> Path | None:
        return None if path is None else path.absolute()

    @field_validator("chat_options")
    @classmethod
    def _are_variables_of_the_template(cls, options: dict[str, Any]) -> dict[str, Any]:
        check_chat_options(options)
        return options

    @field_validator("model_type")
    @classmethod
    def _is_an_engine(cls, name: str) -> str:
        if name not in backend_names():
            raise ValueError(f"there is no engine {name!r}: use one of {', '.join(backend_names())}")
        return name

    @field_validator("base_url")
    @classmethod
    def _holds_no_secret(cls, address: str | None) -> str | None:
        if address is not None and re.search(r"[@?#]", address):
            raise PydanticCustomError(
                UNSHOWN, "it is kept with the run: leave out user, password, query and fragment"
            )
        return address

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise PydanticCustomError(
                UNSHOWN, "write the name of an environment variable, in capitals, and put the key in there"
            )
        return name

    @field_validator("verifier")
    @classmethod
    def _names_a_verifier(cls, name: str) -> str:
        if name != "answer" and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
            raise ValueError("write 'answer', or your function as module:function")
        return name

    @field_validator("prompt_template")
    @classmethod
    def _shows_the_problem(cls, text: str) -> str:
        if "{problem}" not in text:
            raise ValueError("put {problem} where the problem belongs")
        return text

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.split_pattern is not None and self.split_tokens is not None:
            raise ValueError("split_pattern and split_tokens exclude each other: drop one")
        if self.thought_open in self.thought_close or self.thought_close in self.thought_open:
            raise ValueError(
                "thought_open and thought_close contain one another: give markers that can be told apart"
            )
        if self.chat_options and self.chat is False:
            raise ValueError("chat_options are for a chat template: drop them, or drop chat false")
        if self.model_type == "openai" and self.base_url is None:
            raise ValueError(
                "model_type openai needs a server: set base_url, such as http://localhost:8000/v1"
            )
        if self.rollout_budget < self.root_draws:
            raise ValueError(
                f"rollout_budget {self.rollout_budget} does not pay for the {self.root_draws} draws from the "
                "question itself: raise it, or lower num_rollouts or root_rollouts"
            )
        if self.token_budget is not None and self.token_budget < self.max_new_tokens:
            raise ValueError(
                f"token_budget {self.token_budget} does not pay for one continuation of max_new_tokens "
                f"{self.max_new_tokens}: raise one or lower the other"
            )
        if self.max_tokens is not None and self.max_tokens < self.max_new_tokens:
            raise ValueError(
                f"max_tokens {self.max_tokens} does not pay for one continuation of max_new_tokens "
                f"{self.max_new_tokens}: raise one or lower the other"
            )
        if self.max_cost is not None and self.price_file is None:
            raise ValueError("max_cost needs prices: set price_file")
        if self.temperature == 0 and max(self.num_rollouts, self.root_draws) > 1:
            raise ValueError(
                "temperature 0 makes all draws from a state the same: raise it, or set num_rollouts to 1"
            )
        if self.model_type != "vllm" and (self.adapter or self.engine_args or self.tensor_parallel_size > 1):
            raise ValueError("adapter, engine_args and tensor_parallel_size need model_type vllm")
        if self.trust_remote_code and self.revision is None and not Path(self.model_name).is_dir():
            raise ValueError(
                "trust_remote_code runs what the hub holds that day: set revision to a commit you know"
            )
        return self

    @property
    def early_share(self) -> float:
        """Share of the slots for draws made early; nothing by default where each may be paid for."""
        if self.speculation is not None:
            return self.speculation
        if self.max_tokens is not None or self.max_cost is not None:
            return 0.0
        return _EARLY_SHARE if self.model_type in ("hf", "vllm") else 0.0

    @property
    def finishes_first(self) -> bool:
        """Whether the first questions are finished before later ones go on."""
        limits = (self.max_tokens, self.max_cost, self.max_time)
        return self.spend == "finish" or (self.spend == "auto" and limits != (None, None, None))

    @property
    def root_draws(self) -> int:
        """Draws from the question itself."""
        return self.root_rollouts or self.num_rollouts

    def longest_wait(self, seconds: float | None) -> float:
        """Seconds to wait for one continuation: as set, or what a slow engine takes for the longest."""
        return max(_LEAST_WAIT_S, self.max_new_tokens / _SLOWEST_TOKENS_A_S) if seconds is None else seconds

    def identity(self) -> dict[str, Any]:
        """What decides the labels, as JSON values."""
        return self._of_kind(Kind.IDENTITY)

    def extensible(self) -> dict[str, Any]:
        """What may grow from one start of a run to the next, as JSON values."""
        return self._of_kind(Kind.EXTENSIBLE)

    def operational(self) -> dict[str, Any]:
        """What changes no label, as JSON values."""
        return self._of_kind(Kind.OPERATIONAL)

    def sampling(self) -> Sampling:
        """How the policy is sampled."""
        return Sampling(
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            max_new_tokens=self.max_new_tokens,
        )

    def thought_markers(self) -> ThoughtMarkers:
        """What encloses the thoughts of the policy."""
        return ThoughtMarkers(self.thought_open, self.thought_close)

    def budgets(self) -> dict[str, int | None]:
        """The limits on one question, which may grow between sessions."""
        return {
            "max_search_count": self.max_search_count,
            "rollout_budget": self.rollout_budget,
            "token_budget": self.token_budget,
        }

    def core_config(self, *, prompt_opens_thought: bool = False) -> str:
        """The JSON that the search core is configured with.

        Args:
            prompt_opens_thought: Whether the prompts were seen to end inside a thought; a setting overrules it.
        """
        opened = prompt_opens_thought if self.thought_opened is None else self.thought_opened
        return json.dumps(
            {
                "seed": self.seed,
                "num_rollouts": self.num_rollouts,
                "root_rollouts": self.root_rollouts,
                "locate": self.locate,
                "locate_confidence": self.locate_confidence,
                "locate_cap": self.locate_cap,
                "searches_at_once": self.searches_at_once,
                "select": {
                    "alpha": self.alpha,
                    "beta": self.beta,
                    "length_scale": self.length_scale,
                    "c_puct": self.c_puct,
                },
                "length_unit": self.length_unit,
                "max_search_count": self.max_search_count,
                "rollout_budget": self.rollout_budget,
                "token_budget": self.token_budget,
                "max_new_tokens": self.max_new_tokens,
                "split": self._split(),
                "thought": {
                    "split": self.split_thought,
                    "open": self.thought_open,
                    "close": self.thought_close,
                    "opened": opened,
                },
                "judging": {"no_answer": self.no_answer, "truncated": self.truncated},
                "solutions": self.solutions,
                "right_leaves": self.right_leaves,
                "soft_rollouts": self.soft_rollouts,
            }
        )

    def _split(self) -> dict[str, Any]:
        if self.split_pattern is not None:
            return {"by": "regex", "pattern": self.split_pattern}
        if self.split_tokens is not None:
            return {"by": "midpoint", "max_tokens": self.split_tokens}
        return {"by": "separator", "separator": self.separator}

    def _of_kind(self, kind: Kind) -> dict[str, Any]:
        names = {each.name for each in settings_of(type(self)) if each.kind is kind}
        return self.model_dump(mode="json", include=names)
