"""What shows where parts are hidden, and what is read then."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from radar_core.errors import BadParameter, Cancelled
from radar_core.explainers import EXPLAINERS
from radar_core.explainers.masking import HIDES, hidden_content, read_masked
from radar_core.runtime import Progress, generator
from tests import toys
from tests.explainers import games

each_hide = pytest.mark.parametrize("hide", list(HIDES))


def masks_of(count: int, *, soft: bool) -> Tensor:
    drawn = torch.rand((count, 1, toys.SIDE, toys.SIDE), generator=generator(0, "masks"))
    return drawn if soft else drawn < 0.5


@pytest.mark.parametrize("soft", [False, True], ids=["bool", "float"])
@pytest.mark.parametrize("size", [1, 3, 7, 10, 64])
def test_reads_the_image_where_it_shows(soft: bool, size: int, monkeypatch: pytest.MonkeyPatch):
    games.batches_of(monkeypatch, size)
    model, batches = games.recorded(toys.network())
    image, hidden = toys.images(2)
    masks = masks_of(10, soft=soft)
    with model.held():
        read = read_masked(
            model, image, hidden, lambda start, end: masks[start:end], 10, 1, Progress()
        )
    shown = torch.cat(batches)
    by_hand = torch.stack([image * m + hidden * (1 - m) for m in masks.float()])
    assert torch.allclose(shown, by_hand, atol=1e-6)
    if not soft:
        assert torch.equal(shown, by_hand)
    assert torch.allclose(read, model.probabilities(by_hand)[:, 1], atol=1e-6)


@pytest.mark.parametrize("soft", [False, True], ids=["bool", "float"])
def test_tells_of_each_batch_and_leaves_its_inputs(soft: bool, monkeypatch: pytest.MonkeyPatch):
    games.batches_of(monkeypatch, 4)
    model, images, masks = toys.conv(), toys.images(2), masks_of(10, soft=soft)
    given, asked, told, said = images.clone(), [], [], []

    def shown(start: int, end: int) -> Tensor:
        asked.append((start, end))
        return masks[start:end]

    with model.held():
        read = read_masked(
            model,
            *images,
            shown,
            10,
            0,
            Progress(lambda fraction, note: said.append((fraction, note))),
            seen=lambda m, r: told.append((m, r)),
        )
    assert asked == [(0, 4), (4, 8), (8, 10)]
    assert torch.equal(torch.cat([m for m, _ in told]), masks)
    assert torch.equal(torch.cat([r for _, r in told]), read)
    assert [f for f, _ in said] == [0.0, 0.4, 0.8]
    assert said[1][1] == "sample 5 of 10"
    assert torch.equal(images, given)
    assert not read.requires_grad


def test_stops_between_batches(monkeypatch: pytest.MonkeyPatch):
    games.batches_of(monkeypatch, 4)
    module = toys.Counted(toys.network(), stop_at=2)
    model, masks = toys.classifier(module, "module.block"), masks_of(20, soft=False)
    with pytest.raises(Cancelled), model.held():
        read_masked(
            model,
            *toys.images(2),
            lambda start, end: masks[start:end],
            20,
            0,
            Progress(stop=module.stop),
        )
    assert module.count == 2


def test_reads_nothing_when_stopped_before():
    stop = threading.Event()
    stop.set()
    module = toys.Counted(toys.network())
    with pytest.raises(Cancelled):
        read_masked(
            toys.classifier(module, "module.block"),
            *toys.images(2),
            lambda start, end: masks_of(end - start, soft=False),
            5,
            0,
            Progress(stop=stop),
        )
    assert module.count == 0


def test_own_mean_is_the_mean_of_each_superpixel():
    image, segments = toys.images(1)[0], games.tiles(4, 2)
    hidden = hidden_content(image, segments, "own mean")
    for superpixel in range(8):
        within = segments == superpixel
        expected = image[:, within].mean(1, keepdim=True).expand(3, int(within.sum()))
        assert torch.allclose(hidden[:, within], expected, atol=1e-6)


def test_plain_colours_are_those_they_are_named_after():
    image, segments = toys.images(1)[0], games.tiles()
    mean = image.mean((1, 2), keepdim=True).expand_as(image)
    assert torch.equal(hidden_content(image, segments, "image mean"), mean)
    assert not hidden_content(image, segments, "black").any()


def test_blurred_is_a_gaussian_of_a_twentieth_of_the_side():
    image = toys.images(1)[0]
    by_hand = gaussian_blur(image, [7, 7], [1.6, 1.6])
    assert torch.equal(hidden_content(image, games.tiles(), "blurred"), by_hand)
    assert torch.equal(hidden_content(image, None, "blurred"), by_hand)


@pytest.mark.parametrize("name", ["rise", "occlusion"])
def test_without_superpixels_there_is_no_mean_of_theirs(name: str):
    with pytest.raises(BadParameter, match="hide is one of"):
        EXPLAINERS.create(name, hide="own mean")


@pytest.mark.parametrize(
    ("hide", "parts"),
    [(hide, parts) for hide in HIDES for parts in (True, False) if parts or hide != "own mean"],
)
@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 32])
def test_hidden_content_of_any_size_lies_in_the_images_range(hide: str, parts: bool, side: int):
    image = toys.images(1)[0][:, :side, :side]
    segments = torch.arange(side * side).view(side, side) // 2 if parts else None
    hidden = hidden_content(image, segments, hide)
    assert hidden.shape == image.shape
    assert hidden.dtype == torch.float32
    low = 0.0 if hide == "black" else float(image.min()) - 1e-6
    assert low <= float(hidden.min())
    assert float(hidden.max()) <= float(image.max()) + 1e-6


@each_hide
def test_one_colour_hides_behind_itself_unless_behind_black(hide: str):
    image = torch.tensor([0.2, 0.5, 0.9])[:, None, None].expand(3, 32, 32)
    without = [] if hide == "own mean" else [None]
    for segments in (torch.zeros(32, 32, dtype=torch.int64), games.tiles(), *without):
        hidden = hidden_content(image, segments, hide)
        expected = torch.zeros_like(image) if hide == "black" else image
        assert torch.allclose(hidden, expected, atol=1e-6)


@each_hide
def test_hidden_content_is_no_view_to_be_written_through(hide: str):
    image = toys.images(1)[0]
    given = image.clone()
    hidden_content(image, games.tiles(), hide)
    assert torch.equal(image, given)
