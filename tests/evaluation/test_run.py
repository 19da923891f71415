"""Reading a set: the same figures by hand, what is skipped, what is refused, memory, stopping."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics

from radar_core.data.base import DataSet
from radar_core.errors import BadData, BadImage, Cancelled
from radar_core.evaluation import evaluate, evaluating, reading
from radar_core.evaluation.curves import roc_curves
from radar_core.evaluation.run import measured
from radar_core.evaluation.words import cautions
from radar_core.runtime import Progress
from radar_core.types import Entry
from tests import toys

COUNT = 40


class Toys(DataSet):
    """Noise images with labels; some may be broken, nameless or of a group."""

    name = title = "toys"
    found = "toys"

    def __init__(self, labels: list[str | None], broken: tuple[int, ...] = (), split="test"):
        self.class_names = tuple(sorted({c for c in labels if c}))
        self.broken = broken
        self.entries = tuple(Entry(f"i{n}", c, split, str(n)) for n, c in enumerate(labels))
        self.opened: list[int] = []
        self.alive: list[weakref.ref] = []
        self.most = 0
        self._lock = threading.Lock()

    def pixels(self, entry):
        number = int(entry.source)
        if number in self.broken:
            raise BadImage(f"{entry.id} is truncated or damaged; choose another copy")
        image = (toys.images(1, seed=number)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        kept = np.array(image).view(_Noted)
        with self._lock:
            self.opened.append(number)
            self.alive.append(weakref.ref(kept))
            self.most = max(self.most, sum(r() is not None for r in self.alive))
        return kept

    def masks(self, entry):
        raise AssertionError("no mask is needed")

    def split(self, name):
        raise BadData("none")


class _Noted(np.ndarray):
    """An array that can be weakly referred to."""


def labels(count: int = COUNT, classes: str = "abc") -> list[str | None]:
    return [classes[i % len(classes)] for i in range(count)]


@pytest.fixture(scope="module")
def found():
    return evaluate(toys.conv(), Toys(labels()), replicates=200)


def test_the_figures_are_those_of_the_images_read_one_by_one(found):
    model, data = toys.conv(), Toys(labels())
    p = np.stack(
        [
            list(model.read(model.prepare(case.image))[0].probabilities.values())
            for case in (_case(data, entry) for entry in data.entries)
        ]
    )
    truth = [model.class_names.index(str(e.label)) for e in data.entries]
    read = p.argmax(1)
    assert len(found) == COUNT
    assert found.predictions.ids == tuple(e.id for e in data.entries)
    np.testing.assert_allclose(found.predictions.probabilities, p, atol=1e-5)
    assert found.figures["accuracy"].value == metrics.accuracy_score(truth, read)
    auc = metrics.roc_auc_score(truth, found.predictions.probabilities, multi_class="ovr")
    assert found.figures["auc"].value == pytest.approx(auc)
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(truth, read))
    assert sum(b.right.of for b in found.bins) == COUNT
    assert sum(b.right.hits for b in found.bins) == np.trace(found.confusion)
    assert found.passes.forward == COUNT


def _case(data, entry):
    from radar_core.data.base import make_case

    return make_case(entry.id, np.asarray(data.pixels(entry)), source="toy")


def test_proportions_have_wilsons_interval_and_all_intervals_hold_their_value(found):
    from radar_core.sanity import Share

    hits = int(np.trace(found.confusion))
    assert found.figures["accuracy"].interval == Share(hits, COUNT).interval
    one = found.per_class["a"]
    assert one.figures["recall"].interval == Share(int(found.confusion[0, 0]), one.count).interval
    everything = [*found.figures.values(), *found.confidence.values()]
    everything += [e for c in found.per_class.values() for e in c.figures.values()]
    for estimate in everything:
        assert (estimate.interval is None) == (estimate.value is None)
        low, high = estimate.interval or (0, 0)
        assert low <= (estimate.value or 0) <= high


def test_a_seed_repeats_the_intervals_and_another_moves_them(found):
    again = evaluate(toys.conv(), Toys(labels()), replicates=200)
    other = evaluate(toys.conv(), Toys(labels()), replicates=200, seed=1)
    assert again.figures == found.figures
    assert other.figures["auc"] != found.figures["auc"]
    assert other.figures["auc"].value == found.figures["auc"].value


def test_the_bootstrap_covers_as_often_as_it_says():
    """Over 60 drawn sets, about 95 % of the intervals of the macro recall hold the true one."""
    draw, held = np.random.default_rng(5), 0
    for _ in range(60):
        truth = draw.integers(3, size=150)
        right = draw.random(150) < 0.7
        read = np.where(right, truth, (truth + 1) % 3)
        p = np.full((150, 3), 0.1)
        p[np.arange(150), read] = 0.8
        one = _measured(truth, p, replicates=200)
        low, high = one.figures["recall"].interval
        held += low <= 0.7 <= high
    assert 52 <= held <= 60


def _measured(truth, p, units=None, **more):
    from radar_core.evaluation.result import Predictions

    n = len(truth)
    units = np.arange(n) if units is None else units
    read = Predictions(tuple("abc"), tuple(map(str, range(n))), truth, p, units)
    return measured(read, data="d", split="test", model="m", **more)


def test_images_of_one_group_are_drawn_together_and_widen_every_interval():
    draw = np.random.default_rng(0)
    truth = np.repeat(draw.integers(3, size=20), 10)
    p = np.repeat(draw.dirichlet(np.ones(3), size=20), 10, axis=0)  # ten copies of each
    alone, together = (
        _measured(truth, p, units, replicates=300) for units in (None, np.repeat(np.arange(20), 10))
    )
    assert together.resampling.over == "groups" and together.resampling.units == 20
    assert together.as_dict()["intervals"]["proportions"] == "bootstrap"
    for name in ("accuracy", "recall", "auc"):
        (low, high), (wide_low, wide_high) = (e.figures[name].interval for e in (alone, together))
        assert wide_high - wide_low > 1.8 * (high - low), name


def test_groups_come_from_the_entries():
    from radar_core.evaluation.run import _units

    class Grouped(Entry):
        group = None

    entries = [Grouped(str(i), "a", "test", "") for i in range(5)]
    for entry, group in zip(entries, ("x", None, "y", "x", "0"), strict=True):
        object.__setattr__(entry, "group", group)
    assert _units(entries).tolist() == [0, 1, 2, 0, 3]


def test_classes_that_the_split_lacks_are_null_and_named():
    found = evaluate(toys.conv(), Toys(labels(classes="ab")), replicates=50)
    said = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert said["absent"] == ["c"] and said["macro_over"] == ["a", "b"]
    lacking = said["per_class"]["c"]
    assert lacking["count"] == 0
    for name in ("recall", "f1", "auc"):
        assert lacking[name] == {"value": None, "interval": None}
    assert lacking["specificity"]["value"] is not None
    both = [said["per_class"][c]["recall"]["value"] for c in "ab"]
    assert said["balanced_accuracy"]["value"] == pytest.approx(np.mean(both))
    assert "no image of c" in " ".join(cautions(found))
    assert set(roc_curves(found.predictions)) == {"a", "b"}


def test_a_single_class_leaves_no_area_and_no_crash():
    found = evaluate(toys.conv(), Toys(["a"] * 6), replicates=20)
    said = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert said["auc"] == said["specificity"] == said["mcc"] == {"value": None, "interval": None}
    assert 0 <= said["accuracy"]["value"] <= 1


def test_a_model_with_one_logit_has_one_area():
    found = evaluate(toys.one_logit(), Toys(labels(classes="ab")), replicates=20)
    first, second = (found.per_class[c].figures["auc"].value for c in "ab")
    assert first == pytest.approx(second)


def test_unreadable_and_unlabelled_images_are_counted_and_named():
    some = [*labels(12), None, None]
    found = evaluate(toys.conv(), Toys(some, broken=(3, 7)), replicates=20)
    assert len(found) == 10
    assert found.unlabelled == 2
    assert [p.name for p in found.unreadable] == ["i3", "i7"]
    skipped = found.as_dict()["skipped"]
    assert skipped["unreadable"][0]["why"].startswith("i3 is truncated")
    text = " ".join(cautions(found))
    assert "2 images could not be read" in text and "2 images without a label are" in text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (Toys([]), "holds no image"),
        (Toys([None, None]), "has a label"),
        (Toys(["a", "q", "z"]), r"does not know \(q, z\); its classes are a, b, c"),
        (Toys(["a", "b"], broken=(0, 1)), r"can be read \(i0"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(data: Toys, says: str):
    with pytest.raises(BadData, match=says):
        evaluate(toys.conv(), data)


def test_stopping_stops_the_decoding_too():
    stop = threading.Event()
    data = Toys(labels(500))

    def report(fraction: float, note: str) -> None:
        if note.startswith("40 of"):
            stop.set()

    before = threading.active_count()
    with pytest.raises(Cancelled):
        evaluate(toys.conv(), data, progress=Progress(report, stop))
    assert len(data.opened) <= 40 + (reading.AHEAD + 1) * reading.BATCH + 8
    gc.collect()
    assert threading.active_count() <= before


def test_only_some_batches_are_in_memory_and_the_model_is_free_between_them():
    model, data = toys.conv(), Toys(labels(400))
    for number, value in enumerate(evaluating(model, data, replicates=10), 1):
        taken = threading.Thread(target=lambda: model.read(toys.images(1)))
        taken.start()
        taken.join(10)
        assert not taken.is_alive()  # another visitor's case goes first
        if value is None:
            assert len(data.opened) <= (number + reading.AHEAD + 1) * reading.BATCH
    assert data.most <= 2 * reading._decoders() + 2, "decoded pixels are let go at once"
    assert sorted(data.opened) == list(range(400)), "each image is opened once"


def test_the_model_is_left_as_it_was():
    model = toys.disturbed(toys.conv())
    before = toys.module_state(model.module)
    evaluate(model, Toys(labels(6)), replicates=10)
    assert toys.module_state(model.module) == before


@pytest.mark.parametrize(
    ("trained_on", "data", "split", "says"),
    [
        ("phantom", "phantom", "test", ""),
        ("phantom", "/data/ham", "test", "synthetic phantom, not on ham"),
        ("/x/ham", "/y/mri", "test", "trained on ham, not on mri"),
        ("/x/ham", "/y/ham", "train", "these very images"),
        ("phantom", "phantom", "val", "flatter the model a little"),
        ("phantom", "phantom", "all", "all images"),
        (None, "phantom", "test", "does not say"),
    ],
)
def test_what_must_be_known_first(found, trained_on, data, split, says):
    said = " ".join(cautions(replace(found, trained_on=trained_on, data=data, split=split)))
    assert says in said if says else said == ""


def test_prepared_images_are_those_of_the_case_page():
    model, data = toys.conv(), Toys(labels(3))
    (batch,) = reading.batches(data, data.entries, model, Progress())
    for entry, image in zip(batch.entries, batch.images, strict=True):
        assert torch.equal(image, model.prepare(_case(data, entry).image))
