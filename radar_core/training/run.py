"""A training from data to a stored model with its card; it can be stopped, and goes on."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from radar_core.data import DataSet
from radar_core.data.parts import counts, fingerprint
from radar_core.errors import BadData, BadModel, Cancelled
from radar_core.models.classifier import Classifier
from radar_core.models.store import load_model, save_model
from radar_core.models.zoo import Architecture, architecture
from radar_core.runtime import Progress, device, machine, versions
from radar_core.training.checkpoint import State, load_state
from radar_core.training.fit import (
    Report,
    autocast_dtype,
    fine_tune,
    last_layer,
    read_logits,
    warm_up,
)
from radar_core.training.judging import fit_temperature
from radar_core.training.plan import STATE, Plan, split_up
from radar_core.training.squares import Squares
from radar_core.training.start import Start, find_start, started
from radar_core.training.workshop import occupied


def run_training(
    plan: Plan,
    data: DataSet,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    report: Report | None = None,
) -> Path:
    """Train, choose by the validation split, read the test split once, store model and card.

    The state is written after each epoch; with `resume` a run that was stopped or killed goes on
    and ends with the bits of an unbroken one. Stopped, the best model so far is stored all the
    same.

    Args:
        report: called with the figures of the warm-up and of each epoch.

    Raises:
        BadData: a split or a class is missing.
        BadModel: weights that do not fit; a state of another training.
        CannotWrite: the folder is in use by another training, or cannot be written.
        Cancelled: asked to stop; its text says what is stored.
    """
    kind = architecture(plan.arch)
    with occupied(plan) as diary:
        progress, report = diary.watched(progress), diary.reported(report)
        split, how = split_up(data)
        start = find_start(plan.arch, plan.pretrained)
        state = _state(plan, split, start, resume)
        diary.goes_on(state.history)
        training, chosen = _squares(plan, kind, split, progress.part(0, 0.05))
        try:
            model = _classifier(plan, kind, split, start, training)
            began = time.perf_counter()
            stopped = _passes(
                plan, model, start, training, chosen, state, progress.part(0.05, 0.97), report
            )
            seconds = time.perf_counter() - began
            model.module.load_state_dict(state.group("best"))
            model.module.eval().requires_grad_(False)
            logits = read_logits(model, chosen)
            temperature = fit_temperature(logits, chosen.labels)
            with torch.no_grad():
                last_layer(model.module).weight.div_(temperature)
                last_layer(model.module).bias.div_(temperature)
            card = _card(plan, split, how, start, state, training, chosen)
            card["recipe"] |= {"temperature": temperature, "seconds": round(seconds)}
        finally:
            training.close()
            chosen.close()
        save_model(model, plan.file, card)
        if stopped:
            raise Cancelled(
                f"stopped after epoch {state.epoch}; the best so far, of epoch "
                f"{state.best_epoch}, is {plan.file}; --resume goes on"
            )
        _test(plan, split, card, progress.part(0.97, 1))
        (plan.workshop / STATE).unlink(missing_ok=True)
    return plan.file


def _passes(
    plan: Plan,
    model: Classifier,
    start: Start,
    training: Squares,
    chosen: Squares,
    state: State,
    progress: Progress,
    report: Report | None,
) -> bool:
    """Warm up and fine-tune; whether it was stopped."""
    recipe = plan.recipe
    balanced = recipe.balance != "none"
    with torch.random.fork_rng(devices=[]):
        if recipe.warm_up and start.weights is not None and not state.epoch:
            row = warm_up(model, training, chosen, balanced, progress.part(0, 0.1))
            state.history.append({"epoch": 0.0, **row})
            if not recipe.adversarial or not recipe.epochs:  # epochs are judged on attacked images
                state.improved(row["val_balanced_accuracy"], row["val_score"])
                state.put("best", model.module.state_dict())
            if report:
                report(state.history[-1])
        try:
            fine_tune(
                model,
                recipe,
                training,
                chosen,
                state,
                progress=progress.part(0.1, 1),
                report=report,
                saved=lambda now: now.save(plan.workshop),
            )
        except (Cancelled, KeyboardInterrupt):
            if not state.group("best"):
                raise Cancelled(
                    "stopped before the first epoch was judged; no model was stored"
                ) from None
            return True
    return False


def _state(plan: Plan, data: DataSet, start: Start, resume: bool) -> State:
    entries = [e for name in ("train", "val") for e in data.split(name).entries]
    spec = {
        "arch": plan.arch,
        "start": start.said,
        "classes": list(data.class_names),
        "data": fingerprint(entries),
        "recipe": asdict(plan.recipe),
    }
    kept = load_state(plan.workshop) if resume else None
    if kept is None:
        return State(spec)
    other = [key for key, value in spec.items() if kept.spec.get(key) != value]
    if other:
        raise BadModel(
            f"the training in {plan.file.parent} is another one (it differs in "
            f"{', '.join(other)}); give what it was started with, or leave --resume out"
        )
    return kept


def _squares(
    plan: Plan, kind: Architecture, data: DataSet, progress: Progress
) -> tuple[Squares, Squares]:
    made: list[Squares] = []
    for name, low, high in (("train", 0.0, 0.8), ("val", 0.8, 1.0)):
        try:
            made.append(
                Squares(
                    data.split(name),
                    data.class_names,
                    kind.input_size,
                    progress.part(low, high),
                    folder=plan.workshop,
                )
            )
            if not len(made[-1]):
                why = made[-1].problems[0].why if made[-1].problems else "it is empty"
                raise BadData(f"no image of {data.name}'s split {name} can be read: {why}")
        except BaseException:
            for squares in made:
                squares.close()
            raise
    return made[0], made[1]


def _classifier(
    plan: Plan, kind: Architecture, data: DataSet, start: Start, training: Squares
) -> Classifier:
    mean, std = start.mean, start.std
    if mean is None or std is None:
        every = max(1, len(training) // 1000)
        some = training.read(range(0, len(training), every)).float() / 255
        mean = tuple(some.mean((0, 2, 3)).tolist())
        std = tuple(some.std((0, 2, 3)).clamp(min=1e-3).tolist())
    module: nn.Module = started(plan.arch, len(data.class_names), start, plan.recipe.seed)
    module.to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Classifier(
        module,
        data.class_names,
        mean=mean,
        std=std,
        cam_layer=kind.cam_layer,
        input_size=kind.input_size,
        name=plan.file.stem,
    )


def _card(
    plan: Plan,
    data: DataSet,
    how: str,
    start: Start,
    state: State,
    training: Squares,
    chosen: Squares,
) -> dict[str, Any]:
    problems = [f"{p.name}: {p.why}" for p in (*training.problems, *chosen.problems)]
    images = {name: counts(data.split(name).entries) for name in ("train", "val", "test")}
    return {
        "title": plan.title or f"{architecture(plan.arch).title} on {data.title}",
        "architecture": plan.arch,
        "precision": "float16" if plan.half else "float32",
        "trained_on": data.name if data.synthetic else data.title,
        "data": data.found,
        "splits": {"how": how, "images": images, "unreadable": problems},
        **({"licence": plan.licence} if plan.licence else {}),
        **({"note": plan.note} if plan.note else {}),
        "recipe": {
            "command": plan.command,
            "started_from": start.said,
            **asdict(plan.recipe),
            "passes": str(autocast_dtype(plan.recipe.precision)).removeprefix("torch."),
            "chosen_epoch": state.best_epoch,
            "machine": machine().note,
            "versions": versions(),
            "history": [{k: round(v, 4) for k, v in r.items()} for r in state.history],
        },
    }


def _test(plan: Plan, data: DataSet, card: dict[str, Any], progress: Progress) -> None:
    """Read the test split with the stored model and write its figures into the card."""
    from radar_core.evaluation import evaluate

    model = load_model(plan.file)
    found = evaluate(model, data.split("test"), progress=progress)
    save_model(model, plan.file, {**card, "figures": {"test": found.card()}})
