"""Training: repeatable, chosen on validation, calibrated; its figures re-derived."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from radar_core.data.base import DataSet
from radar_core.errors import BadData, BadModel, Cancelled
from radar_core.models.training import (
    Recipe,
    augment,
    fit_temperature,
    train,
)
from radar_core.runtime import Progress
from radar_core.types import Entry

ARCH = "mobilenet_v3_small"
QUICK = Recipe(epochs=1, small_epochs=1, small_side=64, batch=8, seed=7)


class Halves(DataSet):
    """Bright upper or lower halves, eight images a split; whoever reads `test` is noted."""

    name = title = "halves"
    class_names = ("lower", "upper")
    found = "24 images"

    def __init__(self, split: str | None = None, read: list[str] | None = None) -> None:
        self.read = [] if read is None else read
        splits = (split,) if split else ("train", "val", "test")
        self.entries = tuple(
            Entry(f"{s}-{i}", self.class_names[i % 2], s, str(i)) for s in splits for i in range(8)
        )

    def pixels(self, entry):
        self.read.append(entry.split)
        image = np.random.default_rng(int(entry.source)).integers(60, 120, (48, 48, 3))
        rows = slice(0, 24) if entry.label == "upper" else slice(24, 48)
        image[rows] += 100
        return image.astype(np.uint8)

    def masks(self, entry):
        return None, None

    def split(self, name):
        return Halves(name, self.read)


@pytest.fixture(scope="module")
def trained():
    data, rows = Halves(), []
    found = train(data, ARCH, QUICK, name="toy", report=rows.append)
    return data, found, rows


def test_training_repeats_and_never_reads_the_test_split(trained):
    data, found, rows = trained
    again = train(Halves(), ARCH, QUICK, name="toy")
    for one, other in zip(found.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert set(data.read) == {"train", "val"}
    assert [row["epoch"] for row in rows] == [1.0, 2.0]
    assert "val_loss" not in rows[0]
    assert "val_loss" in rows[1]
    assert found.model.class_names == ("lower", "upper")


def test_training_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    with pytest.raises(Cancelled):
        train(Halves(), ARCH, QUICK, name="toy", progress=Progress(_stop_at(0.5)))
    assert torch.equal(torch.get_rng_state(), before)


def _stop_at(limit: float):
    def report(fraction: float, note: str) -> None:
        if fraction > limit:
            raise Cancelled("enough")

    return report


def test_a_start_must_fit(trained):
    _, found, _ = trained
    with pytest.raises(BadModel, match="is no resnet18"):
        train(Halves(), "resnet18", QUICK, name="x", start=found.model)


def test_one_class_is_refused():
    data = Halves()
    data.class_names = ("upper",)
    with pytest.raises(BadData, match="two or more"):
        train(data, ARCH, QUICK, name="x")


def test_augmented_images_keep_shape_and_range_and_differ():
    images = torch.randint(0, 256, (6, 3, 40, 40), dtype=torch.uint8)
    draws = torch.Generator().manual_seed(1)
    out = augment(images, 0.1, draws)
    assert out.shape == images.shape
    assert 0 <= float(out.min()) <= float(out.max()) <= 1
    assert not torch.allclose(out, augment(images, 0.1, draws))
    still = augment(images, 0.0, torch.Generator().manual_seed(1))
    middle = still[:, :, 14:26, 14:26]
    assert set((middle * 255).round().unique().tolist()) <= set(images.unique().tolist())


def test_temperature_undoes_overconfidence():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((4000, 5), generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.08)
    fitted = fit_temperature(3 * logits, labels)
    assert F.cross_entropy(3 * logits / fitted, labels) < F.cross_entropy(3 * logits, labels)
