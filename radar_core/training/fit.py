"""Warm-up and fine-tuning: the passes of a training."""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, batch_size, device, generator
from radar_core.training.adversarial import attacked, attacked_logits
from radar_core.training.augment import augment
from radar_core.training.checkpoint import State
from radar_core.training.judging import class_weights, rates, score
from radar_core.training.recipe import Recipe
from radar_core.training.squares import Squares

RISE = 0.1  # of the steps, in which the rate rises
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)  # inverse regularisation of the warm-up, tried in turn
Report = Callable[[dict[str, float]], None]


def last_layer(module: nn.Module) -> nn.Linear:
    """The linear layer that gives the logits."""
    return [m for m in module.modules() if isinstance(m, nn.Linear)][-1]


@torch.no_grad()
def read_logits(
    model: Classifier, squares: Squares, progress: Progress | None = None
) -> Float[Tensor, "n k"]:
    """Logits of all squares, in batches."""
    return torch.cat(list(_passes(model, squares, model, progress)))


def _passes(
    model: Classifier, squares: Squares, work: Callable[[Tensor], Tensor], progress: Progress | None
) -> Iterator[Tensor]:
    step = batch_size(squares.side, squares.side, gradients=False)
    for i, batch in enumerate(squares.batches(step)):
        if progress is not None:
            progress.step(i * step / len(squares), "the untouched network")
        yield work(batch.to(model.device).float().div_(255)).cpu()


def warm_up(
    model: Classifier, train: Squares, val: Squares, balanced: bool, progress: Progress
) -> dict[str, float]:
    """Fit the last layer, by logistic regression, to features of the backbone as it is.

    Each image goes through the network once. Of a few strengths of regularisation the one of best
    validation score is taken.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    began = time.perf_counter()
    given = torch.cat(list(_passes(model, train, model.features, progress.part(0, 0.8))))
    held = torch.cat(list(_passes(model, val, model.features, progress.part(0.8, 0.95))))
    # One scale for all: of its own, a feature that hardly ever moves would get a huge weight, and
    # the first augmented image that moves it would throw the network off.
    centre, spread = given.mean(0), given.std(0).mean()
    x, y = ((given - centre) / spread).numpy(), train.labels.numpy()
    layer, best, kept = last_layer(model.module), math.inf, 0.0
    for strength in STRENGTHS:
        progress.step(0.95, "fitting the last layer")
        fit = LogisticRegression(
            C=strength, class_weight="balanced" if balanced else None, max_iter=300
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit.fit(x, y)
        weight = torch.from_numpy(np.atleast_2d(fit.coef_)).float() / spread
        bias = torch.from_numpy(np.atleast_1d(fit.intercept_)).float() - weight @ centre
        if len(weight) == 1:  # two classes: one row of scores for the second
            weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
        found = score(held @ weight.T + bias, val.labels, balanced)
        if found < best:
            best, kept = found, strength
            with torch.no_grad():
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)
    hits = (held @ layer.weight.detach().cpu().T + layer.bias.detach().cpu()).argmax(1)
    return {
        "strength": kept,
        "val_score": best,
        **rates(hits, val.labels),
        "seconds": time.perf_counter() - began,
    }


def autocast_dtype(precision: str) -> torch.dtype:
    """bfloat16 where it is wanted; for `auto`, where the processor multiplies it in hardware."""
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    on = device()
    if on.type == "cuda":
        quick = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        quick = on.type == "cpu" and torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if quick else torch.float32


def fine_tune(
    model: Classifier,
    recipe: Recipe,
    train: Squares,
    val: Squares,
    state: State,
    *,
    progress: Progress,
    report: Report | None = None,
    saved: Callable[[State], None] | None = None,
) -> None:
    """Train all weights, from where `state` is; the best weights come to lie in its group `best`.

    All that is drawn in an epoch comes from the seed and the epoch's number, and all that it
    depends on stands in the state: going on from a saved one gives the bits of an unbroken run.

    Args:
        saved: told of the state after each epoch.
    """
    course = _Course(model, recipe, train, val, state)
    epochs = recipe.small_epochs + recipe.epochs
    began, first = time.perf_counter(), state.epoch
    while state.epoch < epochs and not course.patience_is_over():
        epoch = state.epoch

        def step(done: float, epoch: int = epoch) -> None:
            share = (epoch - first + done) / (epochs - first)
            left = (time.perf_counter() - began) * (1 / share - 1) if share > 0 else 0
            note = f"epoch {epoch + 1} of {epochs}"
            note += f", at most {_minutes(left)} left" if share > 0.005 else ""
            progress.step((epoch + done) / epochs, note)

        row = course.epoch(epoch, step)
        state.epoch = epoch + 1
        state.history.append(row)
        course.store()
        if report:
            report(row)
        if saved:
            saved(state)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class _Course:
    """Network, moving average, optimiser and schedule of a training, and how they are stored."""

    def __init__(
        self, model: Classifier, recipe: Recipe, train: Squares, val: Squares, state: State
    ) -> None:
        self.model, self.recipe, self.train, self.val = model, recipe, train, val
        self.state = state
        self.balanced = recipe.balance != "none"
        self.dtype = autocast_dtype(recipe.precision)
        self.radius = recipe.adversarial / 255
        self.steps = math.ceil(len(train) / recipe.batch)
        self.averaged = copy.deepcopy(model.module) if recipe.average else model.module
        kept = [p for p in model.module.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in kept if p.ndim > 1], "weight_decay": recipe.decay},
            {"params": [p for p in kept if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.rate)
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        weights = class_weights(train.labels, len(model.class_names))
        self.loss_weights = weights.to(model.device) if recipe.balance == "loss" else None
        self.draw_weights = weights[train.labels] if recipe.balance == "sampling" else None
        if state.epoch:
            self._restore()

    def epoch(self, epoch: int, step: Callable[[float], None]) -> dict[str, float]:
        """One pass over the training images, and the figures on the validation split."""
        recipe, module = self.recipe, self.model.module
        full, small = epoch >= recipe.small_epochs, (recipe.small_side,) * 2
        began, total = time.perf_counter(), torch.zeros((), device=self.model.device)
        module.train()
        # Dropout and stochastic depth draw from torch's own generator.
        with torch.random.fork_rng(), torch.enable_grad():
            seed = int(torch.randint(2**62, (), generator=generator(recipe.seed, "layers", epoch)))
            on = self.model.device
            own = torch.cuda.default_generators[on.index or 0] if on.type == "cuda" else None
            (own or torch.default_generator).manual_seed(seed)
            for done, (made, true) in enumerate(self._batches(epoch)):
                step(done / self.steps)
                images, labels = made.to(self.model.device), true.to(self.model.device)
                shown = images if full else F.interpolate(images, size=small, mode="area")
                self._set_rate(epoch * self.steps + done)
                if self.radius:
                    shown = attacked(
                        self.model, shown, labels, self.radius, random=True, dtype=self.dtype
                    )
                with torch.autocast(self.model.device.type, self.dtype, self._is_mixed()):
                    logits = self.model(shown)
                loss = F.cross_entropy(
                    logits, labels, weight=self.loss_weights, label_smoothing=recipe.smoothing
                )
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                self.optimiser.step()
                self._average(epoch * self.steps + done)
                total += loss.detach() * len(labels)
        module.eval()
        row = {"epoch": float(epoch + 1), "loss": float(total) / len(self.train)}
        if full:  # smaller images would say little about the network at its own size
            row |= self._judged(epoch)
        row["seconds"] = time.perf_counter() - began
        return row

    def patience_is_over(self) -> bool:
        """Whether too many epochs have gone by without improvement."""
        counted = self.state.epoch - max(self.state.best_epoch, self.recipe.small_epochs)
        return counted >= self.recipe.patience

    def store(self) -> None:
        """Put everything that the next epoch depends on into the state."""
        self.state.put("module", self.model.module.state_dict())
        if self.recipe.average:
            self.state.put("average", self.averaged.state_dict())
        moments = {}
        for i, parameter in enumerate(self.parameters):
            for key, value in self.optimiser.state[parameter].items():
                moments[f"{i}.{key}"] = value
        self.state.put("optimiser", moments)

    def _restore(self) -> None:
        self.model.module.load_state_dict(self.state.group("module"))
        if self.recipe.average:
            self.averaged.load_state_dict(self.state.group("average"))
        moments: dict[int, dict[str, Any]] = {}
        for name, value in self.state.group("optimiser").items():
            number, key = name.split(".")
            moments.setdefault(int(number), {})[key] = value
        whole = self.optimiser.state_dict()
        self.optimiser.load_state_dict({**whole, "state": moments})

    def _judged(self, epoch: int) -> dict[str, float]:
        trained, self.model.module = self.model.module, self.averaged
        try:
            self.averaged.eval()
            logits = (
                attacked_logits(self.model, self.val, self.radius)
                if self.radius
                else read_logits(self.model, self.val)
            )
            found = score(logits, self.val.labels, self.balanced)
            reached = rates(logits.argmax(1), self.val.labels)
            if self.state.improved(reached["val_balanced_accuracy"], found):
                self.state.best_epoch = epoch + 1
                self.state.put("best", self.averaged.state_dict())
        finally:
            self.model.module = trained
        return {"val_score": found, **reached}

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Augmented batches of an epoch; the next one is made while the network works."""
        recipe, count = self.recipe, len(self.train)
        draws = generator(recipe.seed, "training", epoch)
        if self.draw_weights is None:
            order = torch.randperm(count, generator=draws)
        else:
            order = torch.multinomial(self.draw_weights, count, True, generator=draws)

        def make(chosen: Tensor) -> tuple[Tensor, Tensor]:
            images = self.train.read(chosen.tolist())
            return augment(images, recipe.augment, recipe.jitter, draws), self.train.labels[chosen]

        parts = order.split(recipe.batch)
        if len(parts) > 1 and len(parts[-1]) == 1:  # batch norm needs two
            parts = (*parts[:-2], torch.cat(parts[-2:]))
        with ThreadPoolExecutor(1) as maker:
            ahead = maker.submit(make, parts[0])
            for following in (*parts[1:], None):
                ready = ahead.result()
                if following is not None:
                    ahead = maker.submit(make, following)
                yield ready

    def _set_rate(self, step: int) -> None:
        all_steps = self.steps * (self.recipe.small_epochs + self.recipe.epochs)
        rise = max(1, round(RISE * all_steps))
        if step < rise:
            share = (step + 1) / rise
        else:
            share = 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, all_steps - rise)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate * share

    @torch.no_grad()
    def _average(self, step: int) -> None:
        if not self.recipe.average:
            return
        # Early on a long average would still be the weights that training began with.
        decay = min(self.recipe.average, (1 + step) / (10 + step))
        kept, current = self.averaged.state_dict(), self.model.module.state_dict()
        floats = [key for key, value in kept.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [kept[key] for key in floats], [current[key] for key in floats], 1 - decay
        )

    def _is_mixed(self) -> bool:
        return self.dtype != torch.float32
