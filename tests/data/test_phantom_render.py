"""The phantom: same bits every time, sound masks, classes that mean colour cannot tell apart."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage

from radar_core.data.phantom import CLASSES, Rendering, label_of, render
from radar_core.data.phantom.recipes import AMBIGUITY
from radar_core.data.phantom.variants import VARIANTS


def same(a: Rendering, b: Rendering) -> bool:
    """Whether two renderings hold the same bits."""
    return (
        np.array_equal(a.image, b.image)
        and np.array_equal(a.lesion, b.lesion)
        and np.array_equal(a.evidence, b.evidence)
        and (a.label, a.typicality) == (b.label, b.typicality)
    )


def test_same_arguments_give_same_bits_in_any_order() -> None:
    first = [render(5, k, 128) for k in range(8)]
    again = [render(5, k, 128) for k in reversed(range(8))][::-1]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_neither_the_global_generator_nor_threads_matter() -> None:
    np.random.seed(1)
    state = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    alone = [render(2, k, 96) for k in range(12)]
    assert np.array_equal(np.random.get_state()[1], state)  # type: ignore[index]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: render(2, k, 96), range(12)))
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


def test_seed_and_index_change_the_case() -> None:
    a, b, c = render(1, 0, 64), render(2, 0, 64), render(1, 7, 64)
    assert a.label == c.label
    assert not np.array_equal(a.image, b.image)
    assert not np.array_equal(a.image, c.image)


@pytest.mark.parametrize("size", [32, 50, 128, 224, 512])
def test_shapes_and_types(size: int) -> None:
    case = render(3, 4, size)
    assert case.image.shape == (size, size, 3)
    assert case.image.dtype == np.uint8
    for mask in (case.lesion, case.evidence):
        assert mask.shape == (size, size)
        assert mask.dtype == np.bool_
    assert 0.0 <= case.typicality <= 1.0


def test_labels_come_without_rendering_and_are_balanced() -> None:
    labels = [label_of(11, k) for k in range(70)]
    assert all(labels.count(name) == 10 for name in CLASSES)
    assert [render(11, k, 32).label for k in range(14)] == labels[:14]


def test_masks_of_every_class() -> None:
    seen: dict[str, list[float]] = {name: [] for name in CLASSES}
    for k in range(84):
        case = render(21, k, 128)
        assert case.lesion.any()
        assert case.evidence.any()
        near = ndimage.binary_dilation(case.lesion, iterations=3)
        assert not (case.evidence & ~near).any()
        share = case.evidence.sum() / case.lesion.sum()
        assert 0.0 < share <= 0.7
        assert 0.01 < case.lesion.mean() < 0.99
        seen[case.label].append(float(share))
    for name, shares in seen.items():
        assert 0.03 <= float(np.median(shares)) <= 0.60, name


def test_the_scene_is_the_same_at_another_size() -> None:
    for k in range(7):
        small, large = render(4, k, 128), render(4, k, 256)
        half = large.lesion.reshape(128, 2, 128, 2).mean(axis=(1, 3)) >= 0.5
        both, either = (half & small.lesion).sum(), (half | small.lesion).sum()
        assert both / either > 0.9
        shrunk = large.image.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
        difference = np.abs(shrunk - small.image.astype(np.float64)).mean()
        assert difference < 8.0


def test_typical_cases_are_the_majority_and_atypical_ones_exist() -> None:
    typicality = np.array([render(8, k, 32).typicality for k in range(140)])
    assert 0.5 < (typicality >= 0.8).mean() < 0.95
    assert (typicality < 0.5).any()


def test_mean_colour_does_not_tell_the_class() -> None:
    cases = [render(31, k, 64) for k in range(210)]
    colour = np.array([c.image[c.lesion].mean(axis=0) for c in cases])
    label = np.array([CLASSES.index(c.label) for c in cases])
    fit, held = slice(0, 140), slice(140, 210)
    centres = np.array([colour[fit][label[fit] == k].mean(axis=0) for k in range(len(CLASSES))])
    guess = np.linalg.norm(colour[held][:, None] - centres[None], axis=2).argmin(axis=1)
    assert (guess == label[held]).mean() < 0.6


def test_one_picture_is_quick() -> None:
    render(1, 0)
    start = time.process_time()
    for k in range(7):
        render(6, k)
    assert (time.process_time() - start) / 7 < 0.5


@pytest.mark.parametrize(("seed", "index", "size"), [(0, -1, 64), (0, 0, 31), (0, 0, 1025)])
def test_bad_arguments_are_refused(seed: int, index: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"must"):
        render(seed, index, size)


def test_negative_seed_or_index_has_no_label() -> None:
    for seed, index in ((-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="must not be negative"):
            label_of(seed, index)


def test_tables_cover_the_classes() -> None:
    assert tuple(VARIANTS) == CLASSES == tuple(AMBIGUITY)
    for name, ambiguity in AMBIGUITY.items():
        assert name not in ambiguity.looks_like
        assert set(ambiguity.looks_like) <= set(CLASSES)
        assert 0.0 <= ambiguity.atypical <= 1.0
        assert any(feature.weight > 0 for v in VARIANTS[name] for feature in v.features)
