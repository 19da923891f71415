"""What a case stands on beside its image: masks, backgrounds, fitted patterns, warnings."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from radar_core.errors import BadData, BadParameter
from radar_core.verdict import percent

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.attacks import Attack
    from radar_core.attacks.pattern import Pattern
    from radar_core.case.spec import CaseSpec
    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.runtime import Progress
    from radar_core.types import Case, Reading

T = TypeVar("T")
FITTED_ON = 64  # images of the training split that a universal pattern is fitted on
FIT_SEED = 44
KEPT = 4


class Kept(Generic[T]):
    """The last few of what takes long to make, made by one thread at a time."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of that key."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
                while len(self._values) > KEPT:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
            return self._values[key]


_backgrounds: Kept[Tensor] = Kept()
_patterns: Kept[Pattern] = Kept()


def masks(model: Classifier, case: Case) -> dict[str, Tensor]:
    """The masks of a case cut to the square that the model sees, those without a pixel left out."""
    given = {"lesion": case.lesion_mask, "evidence": case.evidence_mask}
    cut = {
        name: model.prepare_mask(mask.to(model.device)).cpu()
        for name, mask in given.items()
        if mask is not None
    }
    return {name: mask for name, mask in cut.items() if bool(mask.any())}


def class_explained(
    spec: CaseSpec, case: Case, model: Classifier, first: Reading, then: Reading
) -> str:
    """The class that a case's explanations are for.

    Raises:
        BadParameter: the true label is asked for, and there is none that the model knows.
    """
    if spec.target == "clean":
        return first.label
    if spec.target == "attacked":
        return then.label
    if case.label is None or case.label not in model.class_names:
        raise BadParameter(
            f"{case.id} has no label that the model knows, so that cannot be explained; "
            "explain what the model read"
        )
    return case.label


def notes(case: Case, model: Classifier) -> tuple[str, ...]:
    """What a reader must know about this pair of image and model, in plain sentences."""
    said = []
    trained_on = model.card.get("trained_on")
    if trained_on == "phantom" and not case.synthetic:
        said.append(
            "This model was trained on synthetic images only: its reading of a real photograph "
            "means nothing clinically."
        )
    if trained_on not in (None, "phantom") and case.synthetic:
        said.append("This model was trained on real images; a synthetic image is foreign to it.")
    if case.label is not None and case.label not in model.class_names:
        said.append(f"The label {case.label} is not a class of this model.")
    return tuple(said)


def background(data: DataSet | None, model: Classifier) -> Tensor | None:
    """Clean images of the data at hand, else the model's own; the last few sets are kept."""
    from radar_core.data.background import background_images

    if data is None or len(data) == 0:
        return model.background
    key = (data.name, model.input_size)
    found = _backgrounds.get(key, lambda: background_images(data, model))
    return found.to(model.device)


def pattern(
    spec: CaseSpec,
    method: Attack,
    data: DataSet | None,
    model: Classifier,
    progress: Progress,
    *,
    avoid: str | Sequence[str],
) -> Pattern | None:
    """For a universal attack, the pattern fitted on other images; the last few are kept.

    Fitted on images of the training split; in a set without splits, on images other than the one
    attacked (`avoid`, its id, or those of several). For an upload and the phantom's model, they are
    drawn.

    Raises:
        BadParameter: an upload, and no data set to fit on.
        Cancelled: the watcher asked to stop.
    """
    from radar_core.api import fit
    from radar_core.data import open_data
    from radar_core.data.sampling import in_turn, readable

    if method.family != "universal":
        return None
    if data is None and model.card.get("trained_on") == "phantom":
        data = open_data("phantom")
    if data is None:
        raise BadParameter(
            f"{method.title} is fitted on a data set, and an image alone is none: fit a pattern "
            "with python -m radar_core fit, and name the file with --pattern"
        )
    used: DataSet = data
    attacked = {avoid} if isinstance(avoid, str) else set(avoid)
    where = f"{data.title}, images other than this one"
    with contextlib.suppress(BadData):
        used = data.split("train")
        where = f"the training split of {data.title}"
    model_hash = model.sha256()

    def make() -> Pattern:
        entries = [entry for entry in in_turn(used, FIT_SEED) if entry.id not in attacked]
        images = [model.prepare(case.image)[0] for case in readable(used, entries, FITTED_ON)]
        return fit(
            model,
            images,
            spec.attack,
            target=spec.towards or None,
            seed=spec.seed,
            fitted_on=where,
            progress=progress,
            **dict(spec.attack_parameters),
        )

    # An image that might be fitted on has a pattern of its own, made without it.
    one = tuple(sorted(attacked & {entry.id for entry in used.entries}))
    key = (used.name, model_hash, spec.attack, spec.attack_parameters, spec.towards, spec.seed, one)
    return _patterns.get(key, make)


def about(pattern: Pattern, *, apart: bool) -> str:
    """What a reader must know about a pattern, in one sentence.

    Args:
        apart: it was fitted here, on other images than the one attacked; of a pattern that was
            given nobody knows that.
    """
    among = "this image was not among them" if apart else "whether this image is one is not known"
    return (
        f"One pattern for all images: fitted on {pattern.images} images of {pattern.fitted_on}, "
        f"of which it turns {percent(pattern.fooled)}; {among}."
    )
