"""LIME: weights recovered where they are known, the regression re-derived, and the lime package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lime.lime_image import ImageExplanation, LimeImageExplainer
from numpy.typing import NDArray
from torch import Tensor

import radar_core as radar
from radar_core.explainers import lime, superpixels
from radar_core.explainers.masking import hidden_content, read_masked
from radar_core.runtime import Progress, generator
from tests import toys
from tests.explainers import games


def weights_of(kept: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel of lime's image explainer, from the definition of the cosine distance."""
    ones = np.ones(kept.shape[1])
    norms = np.linalg.norm(kept, axis=1) * np.linalg.norm(ones)
    cosine = np.divide(kept @ ones, norms, out=np.zeros(len(kept)), where=norms > 0)
    return np.sqrt(np.exp(-((1 - cosine) ** 2) / 0.25**2))


def package(
    model: radar.Classifier, image: Tensor, segments: Tensor, samples: int
) -> tuple[LimeImageExplainer, ImageExplanation, list[NDArray[np.float64]]]:
    """The lime package on our superpixels, for class b; and the masks and readings it made."""
    explainer, made = LimeImageExplainer(random_state=0), []
    data_labels = explainer.data_labels

    def predict(batch: NDArray[np.float64]) -> NDArray[np.float64]:
        images = torch.from_numpy(batch).permute(0, 3, 1, 2).float()
        return model.probabilities(images).double().numpy()

    def kept(*given: object, **more: object) -> tuple[NDArray[np.float64], ...]:
        made.extend(data_labels(*given, **more))
        return made[0], made[1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lime.lime_image.tqdm", lambda rows: rows)
        patch.setattr(explainer, "data_labels", kept)
        theirs = explainer.explain_instance(
            image.permute(1, 2, 0).double().numpy(),
            predict,
            labels=(1,),
            top_labels=None,
            num_samples=samples,
            batch_size=100,
            segmentation_fn=lambda _: segments.numpy(),
            random_seed=0,
        )
    return explainer, theirs, made


def test_recovers_the_weights_of_a_model_linear_in_superpixels(monkeypatch: pytest.MonkeyPatch):
    games.segmented(monkeypatch, games.tiles())
    model, _ = games.tiled()
    white = torch.ones(3, 32, 32)
    found = radar.explain(model, white, "lime", target="a", hide="black", samples=64)
    ours = games.values_of(found[0], games.tiles())
    # One whole block. Ridge, α = 1, takes the same share off each: 1 / (1 + weight · samples / 4).
    shrunk = ours / games.weights().double().numpy()
    assert shrunk == pytest.approx([shrunk.mean()] * 16, rel=0.03)
    assert 0.86 < shrunk.mean() < 0.92
    assert found.facts["r2"][0] > 0.98
    games.never_stable(monkeypatch)
    more = radar.explain(model, white, "lime", target="a", hide="black", samples=4096)
    assert torch.allclose(more[0], games.weights()[games.tiles()], rtol=0.01)


def test_regression_is_a_weighted_ridge():
    draws = np.random.default_rng(0)
    masks = draws.random((200, 12)) < 0.5
    masks[0], masks[1] = True, False
    read = draws.random(200)
    coefficients, said = lime.surrogate(masks, read)
    kept = masks.astype(np.float64)
    weights = weights_of(kept)
    centred = kept - np.average(kept, axis=0, weights=weights)
    aim = read - np.average(read, weights=weights)
    gram = (centred.T * weights) @ centred + np.eye(12)
    by_hand = np.linalg.solve(gram, (centred.T * weights) @ aim)
    assert coefficients == pytest.approx(by_hand, abs=1e-10)
    left = aim - centred @ by_hand
    assert said["r2"] == pytest.approx(1 - (weights @ left**2) / (weights @ aim**2), abs=1e-10)


def test_fits_and_reads_what_the_lime_package_does_on_its_masks():
    model, image = toys.conv(), toys.images(1)[0]
    segments = superpixels.superpixels(image, 20)
    _, theirs, (data, labels) = package(model, image, segments, 300)
    masks = torch.from_numpy(data).bool()
    with model.held():
        read = read_masked(
            model,
            image,
            hidden_content(image, segments, "own mean"),
            lambda start, end: masks[start:end, None, segments],
            len(masks),
            1,
            Progress(),
        )
    assert np.allclose(read.numpy(), labels[:, 1], atol=1e-6)
    ours, said = lime.surrogate(masks.numpy(), labels[:, 1])
    for superpixel, coefficient in theirs.local_exp[1]:
        assert ours[superpixel] == pytest.approx(coefficient, abs=1e-10)
    assert said["r2"] == pytest.approx(theirs.score, abs=1e-10)


def test_agrees_with_many_samples_of_the_lime_package():
    model, image = toys.conv(), toys.images(1)[0]
    segments = superpixels.superpixels(image, 20)
    _, theirs, _ = package(model, image, segments, 4000)
    rival = np.zeros(int(segments.max()) + 1)
    for superpixel, coefficient in theirs.local_exp[1]:
        rival[superpixel] = coefficient
    found = radar.explain(model, image, "lime", target="b", superpixels=20)
    assert found.facts["samples"] < 400
    ours = games.values_of(found[0], segments)
    assert np.corrcoef(ours, rival)[0, 1] > 0.98
    assert np.linalg.norm(ours - rival) / np.linalg.norm(rival) < 0.2


def test_orthogonal_blocks_settle_faster_than_independent_masks(monkeypatch: pytest.MonkeyPatch):
    games.never_stable(monkeypatch)
    model, image = toys.conv(), toys.images(1)[0]
    segments = superpixels.superpixels(image, 20)
    count = int(segments.max()) + 1
    more = {"target": "b", "superpixels": 20}
    truth = games.values_of(radar.explain(model, image, "lime", samples=8192, **more)[0], segments)

    def missed(coefficients: NDArray[np.float64]) -> float:
        # Ridge shrinks by the number of samples: directions are compared.
        return 1 - float(np.corrcoef(coefficients, truth)[0, 1])

    ours, independent = [], []
    hidden = hidden_content(image, segments, "own mean")
    for seed in range(1, 9):
        found = radar.explain(model, image, "lime", samples=128, seed=seed, **more)
        ours.append(missed(games.values_of(found[0], segments)))
        masks = torch.rand((128, count), generator=generator(seed, "independent")) < 0.5
        with model.held():
            read = read_masked(
                model,
                image,
                hidden,
                lambda start, end, masks=masks: masks[start:end, None, segments],
                128,
                1,
                Progress(),
            )
        independent.append(missed(lime.emulated(masks.numpy(), read.double().numpy())[0]))
    assert np.mean(ours) < 0.8 * np.mean(independent)


def test_the_emulated_fit_is_the_package_s_with_many_masks_whatever_is_read():
    draws = np.random.default_rng(3)
    masks = draws.random((40_000, 8)) < 0.5
    sides = masks * 2.0 - 1
    for read in (
        0.5 + 0.4 * sides[:, 0] * sides[:, 1] * sides[:, 2] - 0.05 * sides[:, 3],  # not monotone
        np.exp(-3 + sides @ draws.normal(0, 0.3, 8)),
        (sides @ draws.normal(0, 1, 8) > 0).astype(float),  # 0s and 1s alone
        1e-9 * (1 + 0.5 * sides[:, 4]),
    ):
        theirs, said = lime.surrogate(masks, read)
        ours, told = lime.emulated(masks, read)
        assert np.linalg.norm(ours - theirs) < 0.05 * np.linalg.norm(theirs)
        assert told["r2"] == pytest.approx(said["r2"], abs=1e-3)


def test_the_emulated_fit_errs_less_with_few_masks_of_a_reading_that_saturates():
    draws = np.random.default_rng(4)
    pull = draws.normal(0, 0.7, 30)

    def read(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        return 1 / (1 + np.exp(3 - (masks * 2.0 - 1) @ pull))

    many = draws.random((60_000, 30)) < 0.5
    truth, _ = lime.surrogate(many, read(many))
    missed = {lime.surrogate: [], lime.emulated: []}
    for _ in range(10):
        masks = draws.random((200, 30)) < 0.5
        for fit, errors in missed.items():
            errors.append(np.linalg.norm(fit(masks, read(masks))[0] - truth))
    assert np.mean(missed[lime.emulated]) < 0.6 * np.mean(missed[lime.surrogate])


@pytest.mark.parametrize("read", [np.full(64, 0.3), np.zeros(64), np.ones(64)])
def test_one_reading_under_all_masks_gives_no_superpixel_any_weight(read: NDArray[np.float64]):
    masks = np.random.default_rng(5).random((64, 6)) < 0.5
    coefficients, said = lime.emulated(masks, read)
    assert coefficients == pytest.approx(np.zeros(6), abs=1e-12)
    assert np.isfinite(said["r2"])


def test_readings_that_two_superpixels_decide_alone_have_a_finite_fit():
    masks = np.random.default_rng(6).random((96, 12)) < 0.5
    coefficients, said = lime.emulated(masks, (masks[:, 0] & masks[:, 1]).astype(float))
    assert np.isfinite(coefficients).all() and superpixels.top(coefficients) >= {0, 1}
    assert coefficients[:2].min() > 3 * np.abs(coefficients[2:]).max()
    assert 0 < said["r2"] < 1
