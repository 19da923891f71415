"""DeepFool: over the nearest boundary of the linearised classifier, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.losses import margin
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import History
from radar_core.epsilon import Norm
from radar_core.params import field_range
from radar_core.runtime import Progress

BEYOND = 1e-4
"""How far a step goes past the plane, in L2, so that it ends on no plane (the authors' code)."""


@ATTACKS.register("deepfool")
@dataclass(frozen=True)
class DeepFool:
    """The shortest steps to a decision boundary, as if the classifier were linear.

    At each step logits are replaced by their tangent planes. Of the classes k beside the one read,
    y, the nearest boundary is that of the smallest |f_k| / ‖w_k‖₂, where f_k = z_k − z_y and w_k is
    its gradient, and r = |f_k| / ‖w_k‖₂² · w_k leads to it. The example is the clean image plus
    (1 + overshoot) times the sum of the steps, cut to [0, 1]; an image is left alone as soon as
    that reads as another class. With a target there is one boundary to go to, that between the
    target and the best other class. Source: Moosavi-Dezfooli et al. 2016, algorithm 2.

    Unlike there, after the first step only the nearest few boundaries are looked at again, by the
    present logits and the gradients' last known lengths; a `recheck` of all candidates gives the
    original.
    """

    title: ClassVar[str] = "DeepFool"
    source: ClassVar[str] = "Moosavi-Dezfooli et al. 2016, arXiv:1511.04599"
    family: ClassVar[Family] = "minimum norm"
    placing: ClassVar[Placing] = "distance"
    norm: ClassVar[Norm] = "l2"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 40

    steps: int = field_range(50, 1, 1000, title="Steps", help="at most; most images need 2 to 4")
    overshoot: float = field_range(
        0.02, 0.0, 1.0, step=0.01, title="Overshoot", help="how far past the boundary, as a share"
    )
    candidates: int = field_range(
        10, 2, 1000, title="Candidates", help="most probable classes looked at, the read one too"
    )
    recheck: int = field_range(
        2, 1, 999, title="Looked at again", help="boundaries whose gradient every step takes anew"
    )

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        found, found_logits = objective.clean.clone(), objective.clean_logits.clone()
        history = History(len(found))
        walk = _Walk(objective, self.candidates - 1)
        for step in range(self.steps):
            if not len(walk.rows):
                break
            part = progress.part(step / self.steps, (step + 1) / self.steps)
            walk.step(self.recheck, part)
            if not len(walk.rows):
                break
            images = walk.images(1 + self.overshoot)
            part.step(0.8, f"step {step + 1} of {self.steps}")
            more = step + 1 < self.steps
            logits = walk.read(images, graph=more)
            rows, margins = walk.rows, objective.margin(logits, walk.rows)
            history.note(margins, rows)
            flipped = margins > 0
            found[rows[flipped]] = images[flipped]
            found_logits[rows[flipped]] = logits[flipped]
            walk.drop(flipped)
            if more and walk.wasteful(self.recheck):
                part.step(0.9, f"step {step + 1} of {self.steps}")
                walk.read(images[~flipped])
        return Perturbation(found, found_logits, history.margins)


class _Walk:
    """The images on their way, and the classifier linearised where they are.

    Attributes:
        rows: (m,) the images that have not arrived.
    """

    def __init__(self, objective: Objective, rivals: int) -> None:
        self._objective = objective
        self.rows = objective.open.nonzero()[:, 0]
        self._path = torch.zeros_like(objective.clean)
        # The classes to go to, the most probable first; a target stands alone.
        own = objective.classes[:, None]
        others = objective.clean_logits.scatter(1, own, -torch.inf)
        likely = others.topk(min(rivals, others.shape[1] - 1)).indices
        self._rivals = own if objective.targeted else likely
        # How long the gradient of each gap was when last taken.
        self._lengths = torch.zeros(self._rivals.shape, device=own.device)
        # The last pass: its images, the gaps of its logits, and which of them still go on.
        self._leaf, self._gaps, self._going = objective.clean, self._lengths, objective.open

    def images(self, scale: float) -> Float[Tensor, "m 3 h w"]:
        """Where they are, the way there scaled, cut to [0, 1]."""
        return (self._objective.clean[self.rows] + scale * self._path[self.rows]).clamp(0, 1)

    def read(self, images: Float[Tensor, "m 3 h w"], *, graph: bool = True) -> Float[Tensor, "m k"]:
        """Pass the images of all rows; with the graph, they can be linearised there."""
        objective, rows = self._objective, self.rows
        del self._leaf, self._gaps  # an unused graph, before there is another
        with torch.set_grad_enabled(graph):
            self._leaf = images.detach().requires_grad_(graph)
            logits = objective.model(self._leaf)
            if objective.targeted:
                self._gaps = objective.margin(logits, rows)[:, None]
            else:
                own = logits.gather(1, objective.classes[rows][:, None])
                self._gaps = logits.gather(1, self._rivals[rows]) - own
        self._going = torch.ones_like(rows, dtype=torch.bool)
        detached: Tensor = logits.detach()
        return detached

    def drop(self, done: Bool[Tensor, " m"]) -> None:
        """Leave some of the rows alone from here on."""
        self.rows = self.rows[~done]
        self._going[self._going.nonzero()[done, 0]] = False

    def wasteful(self, recheck: int) -> bool:
        """Whether a new pass of the rows alone costs less than gradients of those that arrived."""
        gradients = min(recheck, self._rivals.shape[1])
        return len(self.rows) * (1 + gradients) < len(self._going) * gradients

    def step(self, recheck: int, progress: Progress) -> None:
        """One step to the nearest boundary; rows without any gradient are dropped.

        The first step looks at all boundaries, later ones at those expected to be nearest.
        """
        step = torch.zeros_like(self._objective.clean[self.rows])
        nearest = torch.full_like(step[:, 0, 0, 0], torch.inf)
        for gaps, gradient, column in self._planes(recheck, progress):
            length = torch.linalg.vector_norm(gradient, dim=(1, 2, 3))
            length = length.where(length.isfinite(), 0.0)  # no direction, as without a gradient
            self._lengths[self.rows, column] = length
            away = gaps.abs() / length
            nearer = away < nearest
            nearest = torch.where(nearer, away, nearest)
            towards = ((away + BEYOND) / length).view(-1, 1, 1, 1) * gradient
            step = torch.where(nearer.view(-1, 1, 1, 1), towards, step)
        self._path[self.rows] += step
        self.drop(~nearest.isfinite())

    def _planes(self, recheck: int, progress: Progress) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """(m,) gap, (m, 3, h, w) gradient and (m,) column of one rival after another."""
        objective, rows = self._objective, self.rows
        count = self._rivals.shape[1]
        if self._leaf is objective.clean:
            # The pass made for reading serves one gradient.
            progress.step(0.0, "gradients")
            gradient, logits = objective.gradient(objective.clean, loss=margin)
            yield objective.margin(logits)[rows], gradient[rows], torch.zeros_like(rows)
            if count == 1:
                return
            progress.step(0.1, "gradients")
            self.read(objective.clean[rows])
            columns = torch.arange(1, count, device=rows.device).expand(len(rows), -1)
        else:
            expected = self._gaps[self._going].detach().abs() / self._lengths[rows]
            columns = expected.topk(min(recheck, count), largest=False).indices
        for number, column in enumerate(columns.T):
            progress.step(0.2 + 0.6 * number / columns.shape[1], "gradients")
            gaps, gradient = self._plane(column, last=number + 1 == columns.shape[1])
            objective.saw(gradient, rows)
            yield gaps, gradient, column

    def _plane(self, column: Int64[Tensor, " m"], *, last: bool) -> tuple[Tensor, Tensor]:
        """The gap and the gradient of one rival of each row; after the last the graph is freed."""
        with torch.enable_grad():
            gaps = self._gaps[self._going].gather(1, column[:, None])[:, 0]
        gradient = None
        if gaps.requires_grad:
            (gradient,) = torch.autograd.grad(
                gaps.sum(), self._leaf, retain_graph=not last, allow_unused=True
            )
        gradient = torch.zeros_like(self._leaf) if gradient is None else gradient.nan_to_num(0.0)
        return gaps.detach(), gradient[self._going].detach()
