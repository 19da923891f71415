"""The long tail of attacks, run by the library torchattacks (Kim 2020, arXiv:2010.01950).

`searches` and `gradients` say what is taken from it, `guard` keeps it within bounds; here, a
dataclass of parameters is made of each line. An attack that the installed version lacks is not
listed.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib.util
import inspect
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.attacks import ATTACKS, Perturbation
from radar_core.attacks.longtail.declared import Declared, Run
from radar_core.attacks.longtail.gradients import GRADIENTS
from radar_core.attacks.longtail.guard import Endless, Guard, Watched, copied, library
from radar_core.attacks.longtail.searches import SEARCHES
from radar_core.attacks.objective import Objective
from radar_core.errors import AttackFailed, RadarError
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, batch_size

FIRST_ORDER = 60
TABLE = (*SEARCHES, *GRADIENTS)


class LongTail:
    """An attack of the library; `methods` makes a dataclass of parameters from each."""

    declared: ClassVar[Declared]

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; every image is attacked from the same seed.

        Raises:
            AttackFailed: the library broke, or gave back what are no images.
        """
        declared = self.declared
        seed = int(torch.randint(2**31, (), generator=generator))
        # In normalised units channels differ by 2 %; within the smallest nothing is cut afterwards.
        radii = objective.radii.amin((1, 2, 3))
        rows = objective.open.nonzero()[:, 0]
        if declared.alone:
            parts = [row[None] for row in rows]
        else:
            parts = [rows[radii[rows] == eps] for eps in radii[rows].unique()]
        model = copied(objective.model) if parts else objective.model
        objective.forget()
        images = objective.clean.clone()
        batch = batch_size(*images.shape[-2:], gradients=False)
        stopped = 0
        for number, part in enumerate(parts):
            share = progress.part(number / len(parts), (number + 1) / len(parts))
            run = Run(float(radii[part[0]]), seed, batch)
            images[part], ended = self._run(model, objective, part, run, share)
            stopped += 0 if ended else len(part)
        facts = {}
        if stopped:
            facts["stopped at the most passes allowed, images"] = stopped
        if declared.placing == "budget":
            images = objective.project(images)
        return Perturbation(images.clamp(0, 1), facts=facts)

    def _run(
        self, model: Classifier, objective: Objective, rows: Tensor, run: Run, progress: Progress
    ) -> tuple[Float[Tensor, "m 3 h w"], bool]:
        """What the library makes of some rows of one ε, and whether it ended by itself."""
        declared = self.declared
        values = dataclasses.asdict(self)  # type: ignore[call-overload]  # made by `methods`
        clean = objective.clean[rows]
        home = torch.device("cpu") if declared.alone else clean.device
        passes = declared.passes(values, run)
        guard = Guard(model, objective, rows, home=home, passes=passes, progress=progress).eval()
        read = objective.clean_logits[rows].argmax(1).to(home)
        goal = objective.classes[rows].to(home)
        try:
            with library(run.seed, progress):
                import torchattacks

                made = getattr(torchattacks, declared.library)
                attack = made(guard, **declared.arguments(values, run))
                if objective.targeted:
                    attack.set_mode_targeted_by_function(lambda images, labels: goal)
                with contextlib.ExitStack() as watch:
                    if declared.calls is not None:
                        watch.enter_context(Watched(guard, declared.calls(values)))
                    found = attack(clean.to(home), read)
        except Endless:
            return (guard.strongest if declared.placing == "budget" else clean), False
        except (RadarError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise AttackFailed(
                f"{declared.title} broke in torchattacks on {model.name} ({said}); "
                "take another attack"
            ) from error
        return self._checked(found, clean, guard), True

    def _checked(self, found: Any, clean: Tensor, guard: Guard) -> Float[Tensor, "m 3 h w"]:
        title = self.declared.title
        if not isinstance(found, Tensor) or found.shape != clean.shape:
            shape = tuple(found.shape) if isinstance(found, Tensor) else ()
            got = f"shape {shape}" if shape else f"a {type(found).__name__}"
            raise AttackFailed(
                f"{title} in torchattacks gave back {got} for images of shape "
                f"{tuple(clean.shape)}; take another attack"
            )
        found = found.detach().to(clean)
        sound = found.isfinite().flatten(1).all(1)
        if not bool((sound | guard.flat).all()):
            raise AttackFailed(
                f"{title} in torchattacks gave back pixels that are not numbers; "
                "take another attack"
            )
        # The library divides by the gradient, be it zero; and Square, where it did not succeed,
        # gives back the clean image as if it had not tried.
        moved = (found != clean).flatten(1).any(1)
        other = guard.strongest if self.declared.placing == "budget" else clean
        return torch.where((sound & moved).view(-1, 1, 1, 1), found, other)


def provided() -> frozenset[str]:
    """The names in the installed library, read from its source: importing it takes most of 1 s."""
    found = importlib.util.find_spec("torchattacks")
    if found is None or found.origin is None:
        return frozenset()
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return frozenset(alias.asname or alias.name for node in imports for alias in node.names)


def methods(names: Collection[str]) -> dict[str, type[Any]]:
    """The attacks of the table that a library with these names has, by id."""
    made: dict[str, type[Any]] = {}
    for order, declared in enumerate(TABLE, FIRST_ORDER):
        if declared.library not in names:
            continue
        facts = {
            "__module__": __name__,
            "__doc__": inspect.cleandoc(declared.about),
            "declared": declared,
            "order": order,
            **{name: getattr(declared, name) for name in ("title", "source", "family", "placing")},
            "targetable": declared.targetable,
        }
        if declared.norm is not None:
            facts["norm"] = declared.norm
        made[declared.id] = dataclasses.make_dataclass(
            declared.library, declared.fields, bases=(LongTail,), namespace=facts, frozen=True
        )
    return made


for _id, _method in methods(provided()).items():
    ATTACKS.register(_id)(_method)
