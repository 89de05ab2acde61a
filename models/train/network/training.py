"""Learns until the clock says stop, and can be interrupted and resumed at any moment.

The learning rate rises over the first steps, stays, and falls to zero over the last share of the clock. A finished
training goes on from its end when the clock is made longer: the rate is high again at once and falls anew (WSD-S, Wen
et al., 2024: no worse than going back to before the fall, and nothing is lost). A running average of the weights is
kept as well: it is usable at any moment, whatever the rate.
"""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.train.network import batches as data
from models.train.network.copying import begin_copying, content_width, spread
from models.train.network.curve import draw
from models.train.network.initial import embeddings
from models.train.network.model import Config, Transformer, loss
from models.train.network.optimiser import optimisers
from models.train.network.recipe import Recipe
from models.train.stage import TrainingError, Workplace, console, digest, disk_trouble

CHECKPOINT = "checkpoint.pt"
LOG = "loss.jsonl"

SAVE_S = 60.0
REPORT_S = 15.0
FIRST_SCALE = 0.4
"""Of the last norm, where the embeddings are counted ones."""

MOST_BAD_STEPS = 5
"""Steps in a row whose loss is not a number before training gives up; single ones are skipped."""


@attrs.define
class Progress:
    """Where the schedule stands; kept in the checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    batches: int = 0
    begun: int = 0
    """Steps of earlier trainings, where this one began with their weights."""
    average_loss: float | None = None


@attrs.frozen(eq=False)
class Start:
    """Weights to begin with, by the names of the network's parameters, and what they have cost so far."""

    arrays: Mapping[str, NDArray[np.float32]]
    tokens: int
    steps: int


class Trainer:
    """One training: network, optimisers, progress, and their checkpoint in `folder`, which comes before any `start`.

    Raises TrainingError where a checkpoint of another configuration is in the way.
    """

    def __init__(
        self,
        workplace: Workplace,
        folder: Path,
        config: Config,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        start: Start | None = None,
    ) -> None:
        torch.manual_seed(seed)
        torch.set_float32_matmul_precision("high")
        self.device, self.folder, self.recipe, self._seed = device, folder, recipe, seed
        self._workplace = workplace
        self.model = Transformer(config).to(device)
        self._optimisers = optimisers(self.model, recipe.learning_rate, recipe.embedding_rate, recipe.weight_decay)
        self.progress = Progress()
        self._identity = digest(attrs.asdict(config), seed)
        if (folder / CHECKPOINT).exists():
            self._average = {}
            self._resume()
        else:
            if start is None:
                self._begin(seed)
            else:
                self._begin_with(start)
            self._average = {name: value.detach().clone() for name, value in self.model.named_parameters()}

    def run(self, seconds: float, *, compiled: bool = False, follow: bool = False) -> bool:
        """Trains until the schedule ends (True) or for `seconds` (False)."""
        network = torch.compile(self.model, dynamic=self.device.type == "cpu") if compiled else self.model
        plan = data.Plan(self.recipe.batch_tokens, self.recipe.buckets, self.recipe.answer_weight)
        source = data.batches(self._workplace, plan, self._seed, follow=follow)
        for _ in range(self.progress.batches):
            next(source)
        whole, before = self.recipe.minutes * 60, self.progress.seconds
        began = saved = reported = time.monotonic()
        bad, tokens_before = 0, self.progress.tokens
        for batch in source:
            now = time.monotonic()
            self.progress.seconds = before + now - began
            share = self.progress.seconds / whole
            if share >= 1 or now - began >= seconds:
                self.save()
                self._draw()
                return share >= 1
            value = self._step(network, batch, rate_at(share, self._own_steps, self.recipe))
            bad = 0 if math.isfinite(value) else bad + 1
            if bad >= MOST_BAD_STEPS:
                raise TrainingError(
                    f"The loss was not a number {bad} times in a row, at step {self.progress.step}.",
                    "The last checkpoint is intact: lower learning_rate with --set and run the command again.",
                )
            if now - reported >= REPORT_S:
                self._report(share, (self.progress.tokens - tokens_before) / (now - began))
                reported = now
            if now - saved >= SAVE_S:
                self.save()
                self._draw()
                saved = now
        raise AssertionError("batches never end")

    @property
    def _own_steps(self) -> int:
        return self.progress.step - self.progress.begun

    def _step(self, network: Any, batch: data.Batch, rate: float) -> float:
        """One step at this share of the full learning rate; a loss that is not a number changes nothing."""
        for optimiser, full in zip(
            self._optimisers, (self.recipe.learning_rate, self.recipe.embedding_rate), strict=True
        ):
            for group in optimiser.param_groups:
                group["lr"] = full * rate
        self.progress.step += 1
        self.progress.batches += 1
        found = self._loss(network, batch)
        value = float(found.detach())
        if math.isfinite(value):
            found.backward()
            for optimiser in self._optimisers:
                optimiser.step()
            decay = min(self.recipe.average, self._own_steps / (self._own_steps + 10))
            with torch.no_grad():
                for name, parameter in self.model.named_parameters():
                    self._average[name].lerp_(parameter, 1 - decay)
            known = self.progress.average_loss
            self.progress.average_loss = value if known is None else 0.98 * known + 0.02 * value
            self.progress.tokens += batch.tokens_read
        self.model.zero_grad(set_to_none=True)
        return value

    def _loss(self, network: Any, batch: data.Batch) -> Tensor:
        tokens, targets, weights = (
            torch.from_numpy(each).to(self.device, non_blocking=True)
            for each in (batch.tokens, batch.targets, batch.weights)
        )
        half = torch.autocast(self.device.type, dtype=torch.bfloat16)
        with half:
            return loss(network, self.model.embed.weight, tokens, targets, weights, self.recipe.logit_rows)

    def conclude(self) -> dict[str, float]:
        """Keeps as the average whichever validates better, the running average or the last weights; its figures."""
        last = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        of_last = self.validate()
        self._take(self._average)
        of_average = self.validate()
        self._take(last)
        if of_last["nats_per_token"] < of_average["nats_per_token"]:
            self._average = last
        self.save()
        return min(of_last, of_average, key=lambda figures: figures["nats_per_token"])

    @torch.no_grad()
    def _take(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.copy_(weights[name])

    @torch.no_grad()
    def validate(self, most_tokens: int = 200_000) -> dict[str, float]:
        """Nats per token on the packages kept aside: of everything, and of the answers alone."""
        path = self._workplace.folder("pack") / "valid-0000.npz"
        part = data.Part.read(path)
        totals = np.zeros(4)
        for answers in (False, True):
            plan = data.Plan(self.recipe.batch_tokens, self.recipe.buckets, 2.0)
            read = 0
            for batch in data.cut(part, plan, np.random.default_rng(0)):
                weights = (batch.weights == 2).astype(np.float32) if answers else (batch.weights > 0).astype(np.float32)
                count = float(weights.sum())
                if count:
                    totals[2 * answers] += count * float(self._loss(self.model, attrs.evolve(batch, weights=weights)))
                    totals[2 * answers + 1] += count
                read += batch.tokens_read
                if read > most_tokens:
                    break
        return {"nats_per_token": totals[0] / totals[1], "nats_per_answer_token": totals[2] / max(totals[3], 1)}

    def _report(self, share: float, rate: float) -> None:
        progress = self.progress
        line = {"step": progress.step, "tokens": progress.tokens, "seconds": round(progress.seconds, 1),
                "loss": round(progress.average_loss or math.nan, 4)}  # fmt: skip
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        console.print(
            f"{share:6.1%}  step {progress.step}  {progress.tokens / 1e6:.2f} M tokens  {rate:,.0f} tokens/s  "
            f"loss {progress.average_loss or math.nan:.3f}"
        )

    def _draw(self) -> None:
        draw(self.folder / LOG, self.folder / "loss.png")

    def save(self) -> None:
        """Writes everything a later run needs to go on. Raises TrainingError when the disk is full."""
        path = self.folder / CHECKPOINT
        temporary = path.with_suffix(".new")
        try:
            torch.save(
                {
                    "identity": self._identity,
                    "config": attrs.asdict(self.model.config),
                    "recipe": attrs.asdict(self.recipe),
                    "model": self.model.state_dict(),
                    "average": self._average,
                    "optimisers": [each.state_dict() for each in self._optimisers],
                    "progress": attrs.asdict(self.progress),
                    "step": self.progress.step,
                    "tokens": self.progress.tokens,
                },
                temporary,
            )
            temporary.replace(path)
        except OSError as error:
            raise disk_trouble(error, path) from error
        except RuntimeError as error:  # torch's own writer reports a full disk like this
            raise disk_trouble(OSError(str(error)), path) from error
        finally:
            temporary.unlink(missing_ok=True)

    @torch.no_grad()
    def _begin(self, seed: int) -> None:
        """Gives the embeddings what counting knows; while packing goes on, of the parts that are there."""
        if not self.recipe.embedding_start:
            return
        console.print("Counting which tokens stand beside which …")
        while not (paths := data.parts_so_far(self._workplace)):
            time.sleep(data.WAIT_S)
        config = self.model.config
        if self.recipe.copying and config.heads < 2:
            raise TrainingError("An induction circuit needs two heads.", "Train with --set copying=false.")
        width = content_width(config) if self.recipe.copying else config.width
        parts = map(data.Part.read, paths)
        found = embeddings(parts, config.vocabulary, width, self.recipe.embedding_start, seed)
        self.model.embed.weight.copy_(spread(found, config) if self.recipe.copying else found)
        # Tied embeddings of this length would begin by being sure that every token repeats itself.
        self.model.norm.weight.fill_(FIRST_SCALE)
        if self.recipe.copying:
            begin_copying(self.model, seed)

    @torch.no_grad()
    def _begin_with(self, start: Start) -> None:
        self.model.load_state_dict({name: torch.from_numpy(array) for name, array in start.arrays.items()})
        self.progress = Progress(step=start.steps, begun=start.steps, tokens=start.tokens)

    def _resume(self) -> None:
        kept = self._read(self.folder / CHECKPOINT)
        self.model.load_state_dict(kept["model"])
        for optimiser, state in zip(self._optimisers, kept["optimisers"], strict=True):
            # The rates and decays are the recipe's, which may have been changed for the rest of the schedule; so may
            # the lengths of batches, after which a few examples are read twice or not at all.
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state["state"], "param_groups": groups})
        self._average = {name: value.to(self.device) for name, value in kept["average"].items()}
        self.progress = Progress(**kept["progress"])
        console.print(f"Going on at step {self.progress.step}, after {self.progress.seconds / 60:.1f} minutes.")

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except Exception as error:
            raise TrainingError(
                f"{path.name} cannot be read: {type(error).__name__}.", "Begin again with --force."
            ) from error
        if kept["identity"] != self._identity:
            raise TrainingError(
                f"{self.folder} holds a training with another network or seed.",
                "Repeat that configuration to go on with it, name another folder with --name, or begin again with "
                "--force.",
            )
        return kept


def rate_at(share: float, step: int, recipe: Recipe) -> float:
    """The share of the full learning rate, 0 … 1, when `share` of the schedule has passed."""
    rising = min(1.0, (step + 1) / recipe.warmup)
    falling = min(1.0, (1 - share) / recipe.decay_share)
    return rising * max(falling, 0.0)
