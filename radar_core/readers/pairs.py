"""The pairs of a reader study: each an image and its attacked twin, side and order drawn once."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from radar_core.errors import BadParameter
from radar_core.pictures import to_pixels
from radar_core.runtime import Progress
from radar_core.view.blob import png

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.models import Classifier

Side = Literal["left", "right"]
MOST = 200


@dataclass(frozen=True)
class PairPlan:
    """What determines the pairs of a study; two readers of one plan see the same pairs.

    Attributes:
        data, model: as in `CaseSpec`.
        attack, eps: a registered attack and its ε, as `radar_core.epsilon` reads it.
        pairs: how many.
        seed: of images, sides, order and attack.
    """

    data: str = "phantom"
    model: str = "phantom"
    attack: str = "pgd"
    eps: str = "4/255"
    pairs: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.pairs <= MOST:
            raise BadParameter(f"a study has 1 to {MOST} pairs, not {self.pairs}")
        if not 0 <= self.seed < 2**31:
            raise BadParameter(f"seed is a whole number from 0 to 2147483647, not {self.seed}")

    def key(self) -> str:
        """Content hash of the plan."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]


def as_file(plan: PairPlan) -> bytes:
    """A plan as a small JSON file, to be handed on."""
    return (json.dumps(asdict(plan), indent=2, ensure_ascii=False) + "\n").encode()


def from_file(raw: bytes) -> PairPlan:
    """The plan in a file that `as_file` made.

    Raises:
        BadParameter: not such a file, or a plan that cannot be.
    """
    usual = asdict(PairPlan())
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not set(found) <= set(usual):
        raise BadParameter(
            f"the settings of a study are a JSON file with {', '.join(usual)}; choose another file"
        )
    for name, value in found.items():
        if type(value) is not type(usual[name]):
            raise BadParameter(f"{name} in this file is not as {usual[name]!r}; mend or drop it")
    return PairPlan(**found)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures as a reader sees them; which is which is for the log alone.

    Attributes:
        number: of the pair, from 1, in the order shown.
        image: its id in the data set.
        attacked: the side of the attacked picture.
        left, right: PNG.
        flipped: whether the attack turned the model's reading.
    """

    number: int
    image: str
    attacked: Side
    left: bytes
    right: bytes
    flipped: bool


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs as far as they are made."""

    plan: PairPlan
    pairs: tuple[Pair, ...]

    @property
    def nbytes(self) -> int:
        """Memory held, for the bound of the job store."""
        return sum(len(pair.left) + len(pair.right) for pair in self.pairs)


def prepare_pairs(
    plan: PairPlan, data: DataSet, model: Classifier, *, progress: Progress | None = None
) -> Iterator[Pairs]:
    """Attack the images of a plan, yielding after each pair.

    Classes come in turn, in an order drawn by the seed; each side is attacked equally often, but
    for one where their number is odd.

    Raises:
        RadarError: an attack, ε, data set or model that cannot be used, or fewer images than pairs.
    """
    from radar_core.api import attack
    from radar_core.attacks import ATTACKS
    from radar_core.case import CaseSpec, check_spec, ground
    from radar_core.data.sampling import in_turn, readable

    progress = progress or Progress()
    method = check_spec(CaseSpec(attack=plan.attack, eps=plan.eps, seed=plan.seed))
    draw = random.Random(plan.seed)
    sides: list[Side] = [("left", "right")[i % 2] for i in range(plan.pairs)]
    draw.shuffle(sides)
    spec = CaseSpec(data=plan.data, model=plan.model, attack=plan.attack, eps=plan.eps)
    pattern = ground.pattern(spec, method, data, model, progress.part(0.0, 0.3), avoid="")
    cases = list(readable(data, in_turn(data, plan.seed), plan.pairs))
    if len(cases) < plan.pairs:
        raise BadParameter(f"{data.name} has {len(cases)} readable images, not {plan.pairs}")
    draw.shuffle(cases)
    made: list[Pair] = []
    title: str = ATTACKS[plan.attack].title
    for i, (case, side) in enumerate(zip(cases, sides, strict=True)):
        progress.step(0.3 + 0.7 * i / plan.pairs, f"{title}, pair {i + 1} of {plan.pairs}")
        clean = model.prepare(case.image)
        found = attack(model, clean, plan.attack, plan.eps, pattern=pattern, seed=plan.seed + i)
        two = [png(to_pixels(image.cpu().numpy())) for image in (clean[0], found.images[0])]
        left, right = reversed(two) if side == "left" else two
        was, now = found.readings_clean[0].label, found.readings_attacked[0].label
        made.append(Pair(i + 1, case.id, side, left, right, was != now))
        yield Pairs(plan, tuple(made))
    progress.step(1.0, "ready")
