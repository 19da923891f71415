"""The sanity lights: what a sound model shows, and what each kind of broken one lights up."""

from __future__ import annotations

import json

import pytest

from radar_core.data.synthetic import PhantomData
from radar_core.errors import BadData, BadParameter
from radar_core.models.classifier import Classifier
from radar_core.sanity import SanityReport, Share, lights, run_sanity
from tests import toys


def report(pgd: list[int], fgsm: list[int], noise: list[int], idle: int = 0) -> SanityReport:
    """A report on 100 images at 1, 4 and 64/255."""
    rows = {"fgsm": fgsm, "pgd": pgd, "sign_noise": noise}
    return SanityReport(
        "d",
        "m",
        ("1/255", "4/255", "64/255"),
        Share(100, 120),
        {id: tuple(Share(hits, 100) for hits in row) for id, row in rows.items()},
        idle,
    )


def states(found: SanityReport) -> dict[str, str]:
    return {light.id: light.state for light in lights(found)}


SOUND = {"pgd": [60, 95, 100], "fgsm": [50, 60, 70], "noise": [0, 2, 10]}


def test_all_is_well_with_a_sound_model():
    assert set(states(report(**SOUND)).values()) == {"good"}
    for light in lights(report(**SOUND)):
        assert light.sentence.endswith(".")
        assert "%" in light.sentence or "None of 100" in light.sentence


@pytest.mark.parametrize(
    ("change", "light", "state"),
    [
        ({"pgd": [60, 30, 100], "fgsm": [0, 0, 0]}, "rises", "bad"),
        ({"pgd": [60, 58, 100], "fgsm": [0, 0, 0]}, "rises", "good"),
        ({"fgsm": [50, 99, 100]}, "iterates", "bad"),
        ({"pgd": [60, 90, 95]}, "wins", "doubtful"),
        ({"pgd": [60, 70, 80]}, "wins", "bad"),
        ({"noise": [40, 60, 90]}, "noise", "bad"),
        ({"noise": [20, 30, 50]}, "noise", "doubtful"),
        ({"pgd": [1, 2, 40]}, "noise", "doubtful"),
        ({"idle": 1}, "gradients", "doubtful"),
        ({"idle": 50}, "gradients", "bad"),
    ],
)
def test_each_fault_lights_its_own_light(change: dict, light: str, state: str):
    assert states(report(**{**SOUND, **change}))[light] == state


def test_wilson_interval_is_the_published_one():
    # Wilson 1927; 95 % interval of 8 in 10, as statsmodels' proportion_confint gives it.
    assert Share(8, 10).interval == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert Share(0, 0).interval == (0.0, 1.0)


def test_only_images_read_right_are_attacked_and_all_is_told():
    model = toys.conv()
    data = _Read(model)
    seen = list(run_sanity(data, model, images=12, grid=["2/255", "64/255"]))
    assert [len(r.success) for r in seen] == [0, 1, 2, 3, 3]
    last = seen[-1]
    assert 0 < last.clean.hits < last.clean.of == 12
    assert all(share.of == last.clean.hits for row in last.success.values() for share in row)
    assert len(last.lights) == 5
    json.dumps(last.as_dict(), allow_nan=False)


def test_gradients_that_are_masked_are_seen():
    """A model that reads rounded pixels: PGD fails, and the lights say that it proves nothing."""
    model = toys.flat()
    *_, last = run_sanity(_Read(model, dark=True), model, images=6, grid=["4/255", "64/255"])
    assert last.without_gradient == last.clean.hits
    found = {light.id: light.state for light in last.lights}
    assert found["gradients"] == "bad"
    assert found["wins"] == "bad"


def test_bad_input_is_one_sentence():
    model = toys.conv()
    with pytest.raises(BadData, match="no label that"):
        list(run_sanity(PhantomData("test", side=64), model))
    with pytest.raises(BadParameter, match="from 1"):
        list(run_sanity(_Read(model), model, images=0))
    with pytest.raises(BadData, match="reads none of"):
        list(run_sanity(_Read(model, wrong=True), model, images=3))


class _Read(PhantomData):
    """Toy images in the place of the phantom's, half of them labelled as the model reads them."""

    def __init__(self, model: Classifier, *, dark: bool = False, wrong: bool = False) -> None:
        super().__init__("test", side=64)
        from dataclasses import replace

        images = toys.images(12) * (0.3 if dark else 1.0)
        read = [r.label for r in model.read(images)]
        other = {r: next(c for c in model.class_names if c != r) for r in read}
        labels = [other[r] if wrong or (i % 3 == 0 and not dark) else r for i, r in enumerate(read)]
        self._images = images
        self._entries = tuple(
            replace(entry, label=label)
            for entry, label in zip(super().entries[:12], labels, strict=True)
        )

    @property
    def entries(self):  # type: ignore[override]
        return self._entries

    def case(self, entry):
        from radar_core.types import Case

        index = self._entries.index(entry)
        return Case(entry.id, self._images[index], entry.label, "test", "toy", "")
