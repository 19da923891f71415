"""Train a classifier on any data set with splits, and measure it on a held-out one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from radar_core.data import DataSet
from radar_core.errors import BadData, BadModel
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import architecture, build
from radar_core.params import field_range
from radar_core.runtime import Progress, batch_size, device, generator

SHIFT = 12  # pixels by which a training crop is shifted at most; what is missing is mirrored


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; with the data and the versions it makes the training repeatable.

    AdamW under a one-cycle schedule (Smith & Topin 2018), the first epochs on smaller images
    (progressive resizing: coarse features cost a third there); random flips, quarter turns, shifted
    crops and small changes of brightness, contrast and white balance; cross-entropy. Of the epochs
    at full size the one of best validation loss is kept, and its logits are divided by one
    temperature fitted on the validation split (Guo et al. 2017), folded into the last layer.
    """

    epochs: int = field_range(12, 1, 500, title="Epochs", help="At the full input size")
    small_epochs: int = field_range(16, 0, 500, title="Epochs on smaller images, before")
    small_side: int = field_range(128, 32, 512, title="Side of the smaller images", unit="px")
    batch: int = field_range(32, 4, 512, title="Batch size")
    rate: float = field_range(2e-3, 1e-6, 1.0, title="Peak learning rate")
    decay: float = field_range(5e-2, 0.0, 1.0, title="Weight decay")
    jitter: float = field_range(
        0.08, 0.0, 0.5, title="Colour jitter", help="Largest relative change of a channel's gain"
    )
    seed: int = field_range(43, 0, 2**31 - 1, title="Seed")


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained classifier and the course of its training (one row an epoch)."""

    model: Classifier
    recipe: Recipe
    history: tuple[dict[str, float], ...]
    temperature: float
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)


def load_split(
    data: DataSet, classes: Sequence[str], side: int, progress: Progress
) -> tuple[UInt8[Tensor, "n 3 s s"], Int[Tensor, " n"]]:
    """All labelled images of a split as 8-bit squares, and their classes.

    The shorter side is resized and the centre kept, as `Classifier.prepare` does.
    """
    images = torch.empty((len(data), 3, side, side), dtype=torch.uint8)
    labels = torch.empty(len(data), dtype=torch.int64)
    fit = Classifier(nn.Identity(), classes, cam_layer="", input_size=side).prepare
    for i, entry in enumerate(data.entries):
        if entry.label is None:
            raise BadData(f"{entry.id} has no label; training needs labelled images")
        image = torch.from_numpy(data.pixels(entry).copy()).permute(2, 0, 1).float() / 255
        images[i] = (fit(image)[0].cpu() * 255).round().to(torch.uint8)
        labels[i] = classes.index(entry.label)
        if i % 16 == 0:
            progress.step(i / len(data), f"reading {data.title}")
    return images, labels


def augment(
    images: UInt8[Tensor, "n 3 s s"], jitter: float, draws: torch.Generator
) -> Float[Tensor, "n 3 s s"]:
    """Random flips, quarter turns, shifted crops and colour gains of a training batch."""
    count, side = len(images), images.shape[-1]
    turns = torch.randint(8, (count,), generator=draws).tolist()
    tops, lefts = torch.randint(2 * SHIFT + 1, (2, count), generator=draws).tolist()
    padded = F.pad(images.float() / 255, (SHIFT,) * 4, mode="reflect")
    out = torch.empty((count, 3, side, side))
    for i, (turn, top, left) in enumerate(zip(turns, tops, lefts, strict=True)):
        crop = padded[i, :, top : top + side, left : left + side]
        crop = torch.rot90(crop, turn % 4, (1, 2))
        out[i] = crop.flip(2) if turn >= 4 else crop
    gains = 1 + jitter * (2 * torch.rand((count, 3, 1, 1), generator=draws) - 1)
    gains *= 1 + jitter * (2 * torch.rand((count, 1, 1, 1), generator=draws) - 1)
    centre = out.mean((1, 2, 3), keepdim=True)
    contrast = 1 + 1.5 * jitter * (2 * torch.rand((count, 1, 1, 1), generator=draws) - 1)
    return (((out - centre) * contrast + centre) * gains).clamp_(0, 1)


def train(
    data: DataSet,
    arch: str,
    recipe: Recipe,
    *,
    name: str,
    start: Classifier | None = None,
    progress: Progress | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
) -> Trained:
    """Train `arch` on the `train` split, choosing the epoch on `val`; the test split is not read.

    Args:
        start: a classifier of the same architecture and classes whose weights and normalisation
            are taken over; without one, training starts from random weights.
        progress: of the whole training.
        report: called with the figures of each epoch.

    Raises:
        BadModel: `start` has other classes or another architecture.
        BadData: a split is missing or holds fewer than two classes.
        Cancelled: asked to stop.
    """
    progress = progress or Progress()
    started = time.perf_counter()
    train_data, val_data = data.split("train"), data.split("val")
    classes = data.class_names
    if len(classes) < 2:
        raise BadData(f"{data.name} has {len(classes)} class; training needs two or more")
    kind = architecture(arch)
    if start is not None and (
        start.class_names != classes or start.card.get("architecture") != arch
    ):
        raise BadModel(f"{start.name} is no {arch} for the classes {', '.join(classes)}")
    side = kind.input_size
    images, labels = load_split(train_data, classes, side, progress.part(0, 0.1))
    val_images, val_labels = load_split(val_data, classes, side, progress.part(0.1, 0.12))
    if start is None:
        some = images[:: max(1, len(images) // 1000)].float() / 255
        mean, std = some.mean((0, 2, 3)).tolist(), some.std((0, 2, 3)).tolist()
    else:
        mean, std = start.mean.flatten().tolist(), start.std.flatten().tolist()
    with torch.random.fork_rng():  # dropout draws from torch's own generator
        torch.default_generator.manual_seed(recipe.seed)
        module = build(arch, len(classes), seed=recipe.seed)
        if start is not None:
            module.load_state_dict(start.module.state_dict())
        module.to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
        model = Classifier(
            module,
            classes,
            mean=mean,
            std=std,
            cam_layer=kind.cam_layer,
            input_size=side,
            name=name,
        )
        history, best = _fit(
            model, recipe, images, labels, val_images, val_labels, progress.part(0.12, 1), report
        )
    module.load_state_dict(best)
    module.eval().requires_grad_(False)
    logits = _logits(model, val_images)
    temperature = fit_temperature(logits, val_labels)
    last = [m for m in module.modules() if isinstance(m, nn.Linear)][-1]
    last.weight.div_(temperature)
    last.bias.div_(temperature)
    return Trained(model, recipe, tuple(history), temperature, time.perf_counter() - started)


def _fit(
    model: Classifier,
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    val_images: Tensor,
    val_labels: Tensor,
    progress: Progress,
    report: Callable[[dict[str, float]], None] | None,
) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    epochs = recipe.small_epochs + recipe.epochs
    steps = math.ceil(len(images) / recipe.batch) * epochs
    optimiser = torch.optim.AdamW(
        model.module.parameters(), lr=recipe.rate, weight_decay=recipe.decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, steps, pct_start=0.2)
    draws = generator(recipe.seed, "training")
    history: list[dict[str, float]] = []
    best_loss, best = math.inf, {}
    done = 0
    for epoch in range(epochs):
        full = epoch >= recipe.small_epochs
        model.module.train()
        total, began = 0.0, time.perf_counter()
        for chosen in torch.randperm(len(images), generator=draws).split(recipe.batch):
            batch = augment(images[chosen], recipe.jitter, draws)
            if not full:
                batch = F.interpolate(
                    batch, size=(recipe.small_side, recipe.small_side), mode="area"
                )
            batch = batch.to(model.device, memory_format=torch.channels_last)
            with torch.autocast(model.device.type, torch.bfloat16):
                logits = model(batch)
            loss = F.cross_entropy(logits, labels[chosen].to(model.device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(chosen)
            done += 1
            progress.step(done / steps, f"epoch {epoch + 1} of {epochs}")
        row = {"epoch": float(epoch + 1), "loss": total / len(images)}
        if full:  # smaller images would say little about the model at its own size
            model.module.eval()
            logits = _logits(model, val_images)
            row["val_loss"] = float(F.cross_entropy(logits, val_labels))
            row["val_accuracy"] = float((logits.argmax(1) == val_labels).float().mean())
        row["seconds"] = time.perf_counter() - began
        history.append(row)
        if report:
            report(row)
        if full and row["val_loss"] < best_loss:
            best_loss = row["val_loss"]
            best = {k: v.detach().cpu().clone() for k, v in model.module.state_dict().items()}
    return history, best


@torch.no_grad()
def _logits(model: Classifier, images: UInt8[Tensor, "n 3 s s"]) -> Float[Tensor, "n k"]:
    step = batch_size(*images.shape[-2:], gradients=False)
    parts = [
        model(images[i : i + step].to(model.device).float() / 255).cpu()
        for i in range(0, len(images), step)
    ]
    return torch.cat(parts)


def fit_temperature(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> float:
    """The temperature that minimises the cross-entropy of held-out logits (Guo et al. 2017)."""
    log_t = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([log_t], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(logits / log_t.exp(), labels)
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(log_t.detach().exp())
