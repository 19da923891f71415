"""Scores against independent implementations, and against what they must find."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_ood import detector as library
from skimage.restoration import denoise_nl_means
from sklearn.neighbors import KernelDensity, NearestNeighbors

from radar_core.detection import DETECTORS, gaussian, views
from radar_core.detection.seen import Seen, unlike
from tests import toys
from tests.detection.test_contract import seen


def clusters(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of three classes with a common covariance, and the classes."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    mixing = torch.randn(6, 6, generator=torch.Generator().manual_seed(99))
    noise = torch.randn(count, 6, generator=draw) @ mixing
    centres = 4 * torch.randn(3, 6, generator=torch.Generator().manual_seed(98))
    return centres[labels] + noise, labels


def plain(monkeypatch):
    """The sample covariance as it is, as pytorch-ood takes it."""

    def sample(centred, rank=0):
        covariance = centred.double().T @ centred.double() / len(centred)
        values, directions = torch.linalg.eigh(covariance)
        return {
            "directions": directions.float(),
            "variances": values.float(),
            "rest": values.min().float().reshape(1),
        }

    for name in ("mahalanobis", "relative_mahalanobis"):
        monkeypatch.setattr(f"radar_core.detection.{name}.fitted", sample)


@pytest.mark.parametrize(
    ("id", "other"),
    [
        ("max_softmax", library.MaxSoftmax),
        ("max_logit", library.MaxLogit),
        ("entropy", library.Entropy),
        ("energy", library.EnergyBased),
    ],
)
def test_logits_scores_by_their_formulas(id, other):
    logits = seen().logits.double()
    p = logits.softmax(1)
    formulas = {
        "max_softmax": -p.amax(1),
        "max_logit": -logits.amax(1),
        "entropy": -(p * p.log()).sum(1),
        "energy": -logits.exp().sum(1).log(),
    }
    found = DETECTORS.create(id).score(logits, {})
    torch.testing.assert_close(found, formulas[id])
    torch.testing.assert_close(found, other.score(logits))


def test_mahalanobis_is_that_of_pytorch_ood(monkeypatch):
    plain(monkeypatch)
    training, labels = clusters(300, 0)
    given, _ = clusters(20, 1)
    ours = DETECTORS.create("mahalanobis")
    theirs = library.Mahalanobis(None).fit_features(training, labels)
    found = ours.score(given, ours.fit(training, labels))
    # Half the squared distance, by a covariance that is not divided by the number of images.
    torch.testing.assert_close(
        found, 2 * len(training) * theirs.predict_features(given), rtol=1e-3, atol=1e-3
    )


def test_relative_mahalanobis_is_that_of_pytorch_ood(monkeypatch):
    plain(monkeypatch)
    training, labels = clusters(300, 0)
    given, _ = clusters(20, 1)
    ours = DETECTORS.create("relative_mahalanobis")
    theirs = library.RMD(None).fit_features(training, labels)
    found = ours.score(given, ours.fit(training, labels))
    torch.testing.assert_close(
        found, len(training) * theirs.predict_features(given), rtol=1e-3, atol=1e-3
    )


def test_a_covariance_of_low_rank_is_that_of_ledoit_and_wolf():
    from sklearn.covariance import LedoitWolf

    draw = np.random.default_rng(0)
    values = draw.normal(size=(40, 60)) * np.linspace(0.1, 3, 60)
    values -= values.mean(0)
    state = gaussian.fitted(torch.from_numpy(values).float())
    precision = np.linalg.inv(LedoitWolf(assume_centered=True).fit(values).covariance_)
    given = draw.normal(size=(5, 60))
    expected = np.einsum("nf,fg,ng->n", given, precision, given)
    found = gaussian.squared_distance(torch.from_numpy(given).float(), state)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)
    less = gaussian.fitted(torch.from_numpy(values).float(), rank=8)
    assert less["directions"].shape == (60, 8)
    assert gaussian.squared_distance(torch.from_numpy(given).float(), less).isfinite().all()


def test_nearest_neighbours_are_those_of_scikit_learn():
    training, labels = clusters(100, 0)
    given, _ = clusters(8, 1)
    score = DETECTORS.create("knn", k=7)
    found = score.score(given, score.fit(training, labels))
    unit = torch.nn.functional.normalize
    distances, _ = NearestNeighbors(n_neighbors=7).fit(unit(training)).kneighbors(unit(given))
    np.testing.assert_allclose(found.numpy(), distances[:, -1], atol=1e-5)


def test_density_is_that_of_scikit_learn():
    training, labels = clusters(100, 0)
    given, _ = clusters(8, 1)
    score = DETECTORS.create("density")
    state = score.fit(training, labels)
    width = float(state["width"])
    apart = np.sort(torch.cdist(training, training).numpy(), axis=1)[:, 1]
    assert width == pytest.approx(np.median(apart), rel=1e-5)
    tree = KernelDensity(bandwidth=width).fit(training.double().numpy())
    constant = 6 * np.log(width * np.sqrt(2 * np.pi))
    expected = -(tree.score_samples(given.double().numpy()) + constant)
    np.testing.assert_allclose(score.score(given, state).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_squeezing_is_the_largest_distance_of_readings():
    own = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    squeezed = {
        "a": torch.tensor([[2.0, 0.0], [50.0, -50.0]]),
        "b": torch.tensor([[0.0, 2.0], [0, 0]]),
    }
    score = DETECTORS.create("squeezing")
    found = score.score(score.measure(Seen(own, squeezed=squeezed)), {})
    p = own.softmax(1)[0, 0] - own.softmax(1)[0, 1]
    torch.testing.assert_close(found, torch.tensor([2 * float(p), 1.0]))


def test_a_vote_counts_for_the_class_first_read():
    logits = torch.tensor([[9.0, 0.0, 0.0]])
    score = DETECTORS.create("noise_vote")
    same = score.score(score.measure(Seen(logits, noisy=torch.stack([logits] * 3))), {})
    other = torch.tensor([[0.0, 9.0, 0.0]])
    turned = score.score(score.measure(Seen(logits, noisy=torch.stack([logits, other]))), {})
    assert same[0] < 0.01 and 0.49 < turned[0] < 0.51


def test_maps_that_stay_are_stable_and_maps_that_move_are_not():
    draw = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 7, 7, generator=draw)
    moved = torch.stack([2 * maps[0] + 1, maps[1].flip(0)])
    score = DETECTORS.create("cam_stability")
    found = score.score(
        score.measure(Seen(torch.zeros(2, 2), maps=maps, map_views={"a": moved})), {}
    )
    assert found[0] == pytest.approx(0, abs=1e-5) and found[1] > 0.5
    r = np.corrcoef(maps[1].flatten(), moved[1].flatten())[0, 1]
    assert found[1] == pytest.approx(1 - r, abs=1e-5)


def test_constant_maps_are_alike_and_unlike_any_other():
    zero, any_map = torch.zeros(1, 3, 3), toys.images(1, side=3)[:, 0]
    assert unlike(zero, zero) == 0 and unlike(zero, any_map) == 1 and unlike(any_map, zero) == 1


def test_a_spread_counts_on_either_side_of_that_of_clean_images():
    draw = torch.Generator().manual_seed(0)
    usual = torch.randn(50, 32, 32, generator=draw)
    score = DETECTORS.create("dispersion")

    def of(maps):
        return score.measure(Seen(torch.zeros(len(maps), 2), attributions=maps))

    state = score.fit(of(usual), torch.zeros(50, dtype=torch.long))
    wide, narrow, same = score.score(of(torch.stack([usual[0] * 3, usual[0] / 3, usual[0]])), state)
    assert wide == pytest.approx(np.log(3), abs=0.1) and narrow == pytest.approx(np.log(3), abs=0.1)
    assert same < 0.1


def test_fewer_bits():
    image = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert views.depth(image, 3).unique().numel() == 8
    assert (views.depth(image, 3) - image).abs().max() <= 1 / 14 + 1e-6


def test_the_median_is_that_of_scipy():
    from scipy.ndimage import median_filter

    image = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    found = views.median(image)
    for one, other in zip(image, found, strict=True):
        for channel, squeezed in zip(one, other, strict=True):
            expected = median_filter(channel.numpy(), 3, mode="mirror")
            np.testing.assert_array_equal(squeezed.numpy(), expected)


def test_non_local_means_are_those_of_their_formula():
    draw = np.random.default_rng(0)
    scene = np.kron(draw.random((3, 3)), np.ones((6, 6)))
    image = np.stack([scene, scene[::-1], scene.T], 2) + draw.normal(0, 0.05, (18, 18, 3))
    image = np.clip(image, 0, 1)
    given = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    found = views.non_local_means(given, window=5, patch=3, strength=0.1)
    padded = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="reflect")
    steps = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]

    def patch(y, x):
        return padded[y + 2 : y + 5, x + 2 : x + 5]

    for y, x in np.ndindex(18, 18):
        apart = [((patch(y, x) - patch(y + b, x + a)) ** 2).mean() for b, a in steps]
        weights = np.exp(-np.array(apart) / 0.1**2)
        around = np.array([padded[y + 3 + b, x + 3 + a] for b, a in steps])
        expected = (weights[:, None] * around).sum(0) / weights.sum()
        np.testing.assert_allclose(found[0, :, y, x].numpy(), expected, atol=1e-5)
    # scikit-image leaves small weights out, so it is near, not equal.
    library = denoise_nl_means(image, 3, 2, 0.1, fast_mode=True, channel_axis=2)
    assert np.abs(found[0].permute(1, 2, 0).numpy() - library).mean() < 0.02
    flat = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(views.non_local_means(flat), flat)


def test_copies_share_their_draws_and_stay_images():
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.4
    made = views.copies(images, torch.Generator().manual_seed(0), 5)
    assert made.shape == (5, 2, 3, 8, 8) and made.min() >= 0 and made.max() <= 1
    torch.testing.assert_close(made[:, 0] - images[0], made[:, 1] - images[1])
    again = views.copies(images[1:], torch.Generator().manual_seed(0), 5)
    torch.testing.assert_close(made[:, 1:], again)
