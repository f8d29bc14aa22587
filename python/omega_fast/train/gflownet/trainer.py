"""The loop of GFlowNet fine-tuning: draw, score, learn, hand the new weights to the engine, and check that it has them.

An on-policy loop does not fit transformers' Trainer, which draws from a data set; this one is on accelerate, so that
`accelerate launch` and torchrun start it in several processes.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from threading import Event
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]

from omega_fast.errors import BackendError, ConfigError
from omega_fast.records import Question, Sampler
from omega_fast.train.folder import OnLog
from omega_fast.train.gflownet.buffers import Group, ReplayBuffer
from omega_fast.train.gflownet.checkpoint import load_checkpoint, save_checkpoint
from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.drawing import Drawing, gathered
from omega_fast.train.gflownet.folder import GflownetFolder
from omega_fast.train.gflownet.freshness import check_fresh
from omega_fast.train.gflownet.losses import RIGHT, lay_out, losses_of, written
from omega_fast.train.gflownet.monitor import Monitor, figures_of, write_plots
from omega_fast.train.gflownet.network import PolicyModule
from omega_fast.train.gflownet.path_log_probs import Written
from omega_fast.train.gflownet.reward import Rewarder
from omega_fast.train.gflownet.solutions import Cutter, Scored

__all__ = ["GflownetTrainer"]

_PLOT_EVERY_S = 5.0
_FIXED_TOKENS = 32
_BEST_BETAS = (0.9, 0.95)

_Placed = tuple[int, int, Scored]
"""Group of the update, place in it, and the solution; what is replayed has places behind those that were drawn."""


class GflownetTrainer:
    """One fine-tuning at work.

    Args:
        config: The settings.
        questions: To learn on.
        prompts: The token ids of each as the policy sees it.
        module: The policy and its reference.
        sampler: Draws from the policy; its weights follow the trainer's.
        rewards: Tells what solutions are worth.
        cut: Finds the steps of a text.
        folder: Where state, log and plots go.
        accelerator: The processes that train together.
        given: Solutions that another policy wrote, for replay.
        on_log: Told each entry of the log.
        stop: Once set, the update at work is finished and saved, and no other begins; for one process.
    """

    def __init__(
        self,
        config: GflownetConfig,
        *,
        questions: Sequence[Question],
        prompts: Sequence[Sequence[int]],
        module: PolicyModule,
        sampler: Sampler,
        rewards: Rewarder,
        cut: Cutter,
        folder: GflownetFolder,
        accelerator: Accelerator,
        given: Sequence[Scored] = (),
        on_log: OnLog | None = None,
        stop: Event | None = None,
    ) -> None:
        rank, processes = accelerator.process_index, accelerator.num_processes
        self.history: list[dict[str, Any]] = []
        self.monitor = Monitor(config, rewards.counts, speaks=accelerator.is_main_process)
        self.stopped = ""
        self.interrupted = False
        self._config = config
        self._questions = questions
        self._prompts = prompts
        self._sampler = sampler
        self._folder = folder
        self._accelerator = accelerator
        self._on_log = on_log
        self._stop = stop
        self._drawing = Drawing(config, questions, sampler, rewards, cut, rank=rank, processes=processes)
        if self._drawing.prompts < processes:
            raise ConfigError(
                f"{processes} processes share {self._drawing.prompts} questions of an update",
                hint="give more prompts or questions",
            )
        self._replay = ReplayBuffer(
            config.replay_capacity, config.replay_priority, config.replay_similarity, config.seed
        )
        self._replay.add(given)
        self._fixed: tuple[int, tuple[int, ...]] | None = None
        self._engine_off = math.nan
        self._plotted = 0.0
        self._module = module
        self._optimizer = torch.optim.AdamW(
            _parameter_groups(module, config), betas=_BEST_BETAS, weight_decay=config.weight_decay
        )
        self._wrapped, self._stepping = accelerator.prepare(module, self._optimizer)

    def run(self) -> list[dict[str, Any]]:
        """Train to the end, from the last checkpoint if there is one; the log.

        Raises:
            StaleSamplerError: If the engine does not sample with the weights that were trained.
            BackendError: If the engine or the reward model is gone, or nothing can be scored.
        """
        begin = self._resume()
        for update in range(begin, self._config.updates):
            self._update(update)
            done = update + 1
            ends = self._stop is not None and self._stop.is_set() and done < self._config.updates
            self.interrupted = ends and not self.stopped
            if ends or self.stopped or done == self._config.updates or done % self._config.save_every == 0:
                self._save(done)
            if ends or self.stopped:
                break
        if self._accelerator.is_main_process:
            self._plot()
        return self.history

    def _update(self, update: int) -> None:
        began = time.monotonic()
        groups = self._drawing.groups(update)
        self.monitor.note("stale", update, self._drawing.buffer.forget_stale())
        collapsed, useless = self.monitor.look(groups, update)
        if useless:
            raise BackendError(
                "no solution of three updates in a row could be scored",
                hint="look at what the reward model or the verifier returns; log.jsonl counts the faults",
            )
        if self._fixed is None:
            self._fixed = _fixed_text(groups)
        paths = list(self._paths(groups, update))
        learnt = self._learn(update, paths)
        if self._config.replay:
            self._replay.add(each for group in groups for each in group)
        self._hand_over(update + 1)
        if (update + 1) % self._config.log_every == 0 or update in (0, self._config.updates - 1):
            self._log(update, groups, learnt, time.monotonic() - began)
        if collapsed and self._config.on_collapse == "stop":
            self.stopped = (
                f"diversity has collapsed: for {self._config.collapse_patience} updates at most "
                f"{self._config.collapse:.0%} of a question's solutions were different ones"
            )

    def _paths(self, groups: Sequence[Group], update: int) -> Iterator[_Placed]:
        """What an update learns from: what was drawn and is usable, and what is replayed of the same questions."""
        for number, group in enumerate(groups):
            yield from ((number, at, each) for at, each in enumerate(group) if each.r is not None)
            if self._config.replay:
                # The number of the group is in the seed, since a question may come twice
                again = self._replay.draw(
                    group[0].drawn.question, self._config.replay, update * len(groups) + number, group
                )
                yield from ((number, len(group) + at, each) for at, each in enumerate(again))

    def _learn(self, update: int, paths: Sequence[_Placed]) -> dict[str, Any]:
        """One step of the optimiser; loss, norm of the gradient and log-probabilities of what was drawn."""
        counted = [self._counts(each) for _, _, each in paths]
        total = max(1, sum(counted))
        rank, processes = self._accelerator.process_index, self._accelerator.num_processes
        mine = [each for each in paths if each[0] % processes == rank]
        rate = self._config.rate_at(update)
        for group in self._optimizer.param_groups:
            group["lr"] = group["base_rate"] * rate
        self._optimizer.zero_grad()
        # There is no dropout; activations are computed twice in training mode alone, and an engine needs the other
        self._module.train(self._config.gradient_checkpointing)
        loss = 0.0
        told: dict[tuple[int, int], tuple[float, float, float]] = {}
        # Without anything to learn from a process still takes part, since the others wait for its gradients
        batches = _whole_groups(mine, self._config.micro_batch) or [[]]
        for number, batch in enumerate(batches):
            is_last = number == len(batches) - 1
            with nullcontext() if is_last else self._accelerator.no_sync(self._wrapped):
                value, found = self._backward(batch, total / processes)
            loss += value / processes
            told |= found
        self._module.eval()
        norm = self._accelerator.clip_grad_norm_(
            [each for each in self._module.parameters() if each.requires_grad],
            self._config.clip or float("inf"),
        )
        if bool(torch.isfinite(torch.as_tensor(norm))):
            self._stepping.step()
        else:
            self.monitor.note("skipped", update)
        parts = gathered((loss, told))
        return {
            "loss": sum(part[0] for part in parts),
            "gradient": float(norm),
            "told": {key: value for part in parts for key, value in part[1].items()},
        }

    def _counts(self, each: Scored) -> bool:
        """Whether a solution is learnt from: of SFT's, the right ones."""
        return self._config.objective != "sft" or (each.r or 0.0) > RIGHT

    def _backward(
        self, batch: Sequence[_Placed], total: float
    ) -> tuple[float, dict[tuple[int, int], tuple[float, float, float]]]:
        """Adds a batch's gradient; its part of the loss, and log P, log R and log Z of what was drawn."""
        if not batch:
            told = self._wrapped([Written(tuple(self._prompts[0]), (), ())])
            nothing = 0 * told.probs.log_stop.sum() + (0 if told.flows is None else 0 * told.flows.sum())
            self._accelerator.backward(nothing)
            return 0.0, {}
        solutions = [each for _, _, each in batch]
        rows = [written(each, self._prompts[each.drawn.question], self._config) for each in solutions]
        with self._accelerator.autocast():
            reference = self._module.reference(rows)
        policy = self._wrapped(rows)
        laid = lay_out(solutions, policy, reference, [number for number, _, _ in batch], self._config)
        loss = losses_of(laid, self._config).sum() / total
        self._accelerator.backward(loss)
        probs, rewards = laid.paths.log_prob().detach().tolist(), laid.paths.end_reward().tolist()
        learnt = [math.nan] * len(batch) if laid.log_z is None else laid.log_z.detach().tolist()
        told = {
            (number, at): (prob, reward, log_z)
            for (number, at, _), prob, reward, log_z in zip(batch, probs, rewards, learnt, strict=True)
            if at < self._config.samples
        }
        return float(loss.detach()), told

    def _hand_over(self, version: int) -> None:
        """Give the engine the weights, and compare what it makes of a fixed text with what the trainer does."""
        weights = None
        if self._sampler.reads_files:
            # A new path each time: an engine knows adapters, and what it has computed with them, by name and place
            weights = self._folder.for_engine / f"version-{version}"
            if self._accelerator.is_main_process:
                self._module.network.save_pretrained(weights)
            self._accelerator.wait_for_everyone()
        self._sampler.load(version, weights)
        if weights is not None and self._accelerator.is_main_process:
            shutil.rmtree(self._folder.for_engine / f"version-{version - 2}", ignore_errors=True)
        if self._fixed is not None:
            question, ids = self._fixed
            wanted = self._module.log_probs(self._prompts[question], ids)
            self._engine_off = check_fresh(
                self._sampler, self._questions[question], ids, wanted, self._tolerance()
            )

    def _tolerance(self) -> float:
        if self._config.tolerance is not None:
            return self._config.tolerance
        half = self._config.bf16 or next(self._module.parameters()).element_size() < 4
        return 0.2 if half else 0.001

    def _log(self, update: int, groups: Sequence[Group], learnt: Mapping[str, Any], seconds: float) -> None:
        told: Mapping[tuple[int, int], tuple[float, float, float]] = learnt["told"]
        figures = figures_of(groups, {key: value[:2] for key, value in told.items()})
        found = {
            "loss": learnt["loss"],
            **figures,
            "log_z_learnt": _mean([value[2] for value in told.values()]),
            "gradient": learnt["gradient"],
            "rate": self._optimizer.param_groups[0]["lr"],
            "engine_off": self._engine_off,
            "age": _mean([float(update - group[0].drawn.version) for group in groups]),
        }
        entry: dict[str, Any] = {"step": update + 1, "of": self._config.updates}
        entry |= {name: value for name, value in found.items() if not math.isnan(value)}  # JSON has no NaN
        entry |= {
            "replayed": len(self._replay),
            "faults": self.monitor.faults(),
            "seconds": round(seconds, 3),
        }
        self.history.append(entry)
        if not self._accelerator.is_main_process:
            return
        self._folder.log(entry)
        if self._config.report_to != "none":
            numbers = {name: value for name, value in entry.items() if isinstance(value, float)}
            self._accelerator.log(numbers, step=update + 1)
        if self._on_log is not None:
            self._on_log(entry)
        if time.monotonic() - self._plotted > _PLOT_EVERY_S:
            self._plot()

    def _plot(self) -> None:
        self._plotted = time.monotonic()
        write_plots(self._folder.path, self.history, self._config.objective)

    def _save(self, done: int) -> None:
        if self._accelerator.is_main_process:
            state = {
                "update": done,
                "stopped": self.stopped,
                "history": self.history,
                "monitor": self.monitor.to_dict(),
                "fixed": self._fixed,
                "on_policy": self._drawing.buffer.to_dict(),
                "replay": self._replay.to_dict(),
            }
            save_checkpoint(
                self._folder.checkpoints,
                done,
                self._module,
                self._optimizer,
                state,
                keep_all=self._config.keep_checkpoints,
            )
        self._accelerator.wait_for_everyone()

    def _resume(self) -> int:
        """The number of updates that are done."""
        state = load_checkpoint(self._folder.checkpoints, self._module, self._optimizer)
        if state is None:
            if self._accelerator.is_main_process:
                self._folder.write_log([])
            self._hand_over(0)
            return 0
        self.history, self.stopped = state["history"], state["stopped"]
        self.monitor.restore(state["monitor"])
        self._drawing.buffer.restore(state["on_policy"])
        self._replay.restore(state["replay"])
        if state["fixed"] is not None:
            question, ids = state["fixed"]
            self._fixed = question, tuple(ids)
        if self._accelerator.is_main_process:
            self._folder.write_log(self.history)
        self._hand_over(state["update"])
        return self._config.updates if self.stopped else int(state["update"])


def _parameter_groups(module: PolicyModule, config: GflownetConfig) -> list[dict[str, Any]]:
    flows = [] if module.flow is None else list(module.flow.parameters())
    own = {id(each) for each in flows}
    rest = [each for each in module.parameters() if each.requires_grad and id(each) not in own]
    groups: list[dict[str, Any]] = [{"params": rest, "lr": config.rate, "base_rate": config.rate}]
    if flows:
        groups.append(
            {"params": flows, "lr": config.flow_rate, "base_rate": config.flow_rate, "weight_decay": 0.0}
        )
    return groups


def _whole_groups(paths: Sequence[_Placed], most: int) -> list[list[_Placed]]:
    """Batches of at most so many solutions; those of a group stay together, since they are compared."""
    batches: list[list[_Placed]] = []
    groups: dict[int, list[_Placed]] = {}
    for each in paths:
        groups.setdefault(each[0], []).append(each)
    for group in groups.values():
        if batches and len(batches[-1]) + len(group) <= most:
            batches[-1].extend(group)
        else:
            batches.append(list(group))
    return batches


def _fixed_text(groups: Sequence[Group]) -> tuple[int, tuple[int, ...]] | None:
    """The beginning of the first solution that has tokens, with its question."""
    for group in groups:
        for each in group:
            if each.drawn.ids:
                return each.drawn.question, each.drawn.ids[:_FIXED_TOKENS]
    return None


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else float("nan")
