"""The benign controls: the exact maths of each, and outside libraries on the same input."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import rotate

import radar_core as radar
from radar_core.attacks.gaussian_noise import equal_l2
from radar_core.attacks.jpeg_compression import jpeg
from radar_core.attacks.rotation import Rotation, rotated
from radar_core.attacks.shift import Shift, shifted
from radar_core.errors import BadParameter
from tests import toys

CONTROLS = ("sign_noise", "gaussian_noise", "jpeg", "brightness", "shift", "rotation", "resize")
EPS = 8 / 255


def inner(count: int = 3) -> Tensor:
    """Images with room to move in: nothing is cut to [0, 1]."""
    return 0.3 + 0.4 * toys.images(count)


def change(name: str, images: Tensor, eps: str | float | None = None, **more: object) -> Tensor:
    return radar.attack(toys.conv(), images, name, eps, **more).images - images


@pytest.mark.parametrize("name", CONTROLS)
def test_is_no_attack_and_takes_no_target(name: str):
    from radar_core.attacks import ATTACKS

    assert ATTACKS[name].family == "benign"
    assert "harmless" in ATTACKS[name].__doc__
    with pytest.raises(BadParameter, match="cannot be told which class"):
        change(name, inner(), "4/255", target="a")


def test_sign_noise_is_all_of_epsilon_up_or_down():
    moved = change("sign_noise", inner(), EPS)
    assert torch.allclose(moved.abs(), torch.full_like(moved, EPS), rtol=0, atol=1e-7)
    assert 0.47 < float((moved > 0).float().mean()) < 0.53
    assert torch.equal(moved[0].sign(), moved[1].sign()), "one draw for all images"
    assert not torch.equal(moved[0, 0].sign(), moved[0, 1].sign()), "but not for all channels"


def test_sign_noise_is_cut_at_black_and_white():
    ends = torch.stack([torch.zeros(3, toys.SIDE, toys.SIDE), torch.ones(3, toys.SIDE, toys.SIDE)])
    moved = change("sign_noise", ends, EPS)
    assert moved[0].unique().tolist() == pytest.approx([0, EPS])
    assert moved[1].unique().tolist() == pytest.approx([-EPS, 0], abs=1e-7)


def test_sign_noise_in_normalised_units_is_another_distance_in_each_channel():
    moved = change("sign_noise", inner(1), "normalised:0.1")
    assert moved.abs().amax((0, 2, 3)).tolist() == pytest.approx([0.0229, 0.0224, 0.0225])


def test_gaussian_noise_has_the_length_asked_for():
    moved = change("gaussian_noise", inner(), 1.5)
    assert moved.flatten(1).norm(dim=1).tolist() == pytest.approx([1.5] * 3, rel=1e-5)
    values = (moved[0] / moved[0].std()).flatten().numpy()
    assert abs(scipy.stats.skew(values)) < 0.15
    assert abs(scipy.stats.kurtosis(values)) < 0.3, "−2 for signs, −1.2 for uniform noise"


def test_gaussian_noise_is_as_long_as_sign_noise():
    images = inner(1)
    signs = change("sign_noise", images, EPS)
    length = equal_l2(EPS, images.shape[1:])
    assert length == pytest.approx(EPS * (3 * 32 * 32) ** 0.5)
    noise = change("gaussian_noise", images, length)
    assert float(noise.norm()) == pytest.approx(float(signs.norm()), rel=1e-5)
    assert float(noise.abs().max()) > 2 * EPS, "single values go further"


@pytest.mark.parametrize("name", ["sign_noise", "gaussian_noise"])
def test_seed_decides_the_noise(name: str):
    first, again, other = (change(name, inner(1), 0.05, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_jpeg_is_what_pillow_writes():
    images = toys.images(2)
    result = radar.attack(toys.conv(), images, "jpeg", quality=40)
    for image, changed in zip(images, result.images, strict=True):
        pixels = np.rint(image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=40)
        back = np.asarray(Image.open(buffer)).transpose(2, 0, 1) / 255
        assert np.allclose(changed.numpy(), back, rtol=0, atol=1e-7)


def test_jpeg_of_lower_quality_changes_more():
    images = toys.images(2).mean(1, keepdim=True).expand(-1, 3, -1, -1)  # no colour to thin out
    errors = [float((jpeg(images, q) - images).norm()) for q in (95, 75, 50, 25, 10)]
    assert errors == sorted(errors)
    assert errors[0] < 0.5 * errors[-1]
    default = radar.attack(toys.conv(), images, "jpeg").images
    assert torch.equal(default, jpeg(images, 75))


def test_brightness_is_the_same_step_everywhere():
    images = inner()
    assert torch.allclose(change("brightness", images, EPS), torch.tensor(EPS), atol=1e-7)
    darker = change("brightness", images, EPS, darker=True)
    assert torch.allclose(darker, torch.tensor(-EPS), atol=1e-7)
    white = torch.ones_like(images)
    assert radar.attack(toys.conv(), white, "brightness", EPS).status == ("no-op",) * 3


def test_shift_by_one_is_a_slice():
    images = toys.images(2)
    moved = radar.attack(toys.conv(), images, "shift").images
    assert torch.equal(moved[..., 1:], images[..., :-1])
    assert torch.equal(moved[..., 0], images[..., 0])
    up_left = radar.attack(toys.conv(), images, "shift", right=-2, down=-3).images
    assert torch.equal(up_left[..., :-3, :-2], images[..., 3:, 2:])
    assert torch.equal(up_left[..., -3:, -2:], images[..., -1:, -1:].expand(-1, -1, 3, 2))


@pytest.mark.parametrize(("right", "down"), [(1, 0), (-4, 2), (0, -3), (0, 0)])
def test_shift_is_undone(right: int, down: int):
    maps = toys.images(2)[:, 0]
    back, seen = Shift(right=right, down=down).undo(shifted(maps, right, down))
    assert torch.equal(back[:, seen], maps[:, seen])
    assert bool(back[:, ~seen].isnan().all())
    assert int(seen.sum()) == (toys.SIDE - abs(right)) * (toys.SIDE - abs(down))


def test_shift_lays_back_only_what_is_there():
    # A map that marks the edge which came in: none of it belongs to the clean image.
    edge = torch.zeros(1, toys.SIDE, toys.SIDE)
    edge[..., 0] = 1
    back, seen = Shift(right=1).undo(edge)
    assert float(back[:, seen].abs().max()) == 0
    assert seen[:, :-1].all() and not seen[:, -1].any()


def test_no_shift_and_no_turn_change_nothing():
    images = toys.images(2)
    for name, none in (("shift", {"right": 0}), ("rotation", {"degrees": 0})):
        result = radar.attack(toys.conv(), images, name, **none)
        assert torch.equal(result.images, images)
        assert result.status == ("no-op",) * 2
    odd = toys.images(1, side=37)
    assert torch.equal(rotated(odd, 360.0), odd)


@pytest.mark.parametrize("degrees", [2.0, -7.5, 30.0, 90.0])
@pytest.mark.parametrize("size", [(32, 32), (24, 41)])
def test_rotation_is_that_of_scipy(degrees: float, size: tuple[int, int]):
    image = toys.images(1)[0, :, : size[0]].repeat(1, 1, 2)[..., : size[1]]
    ours = rotated(image[None], degrees)[0].numpy()
    theirs = scipy.ndimage.rotate(
        image.double().numpy(), degrees, axes=(1, 2), reshape=False, order=1, mode="reflect"
    )
    assert np.allclose(ours, theirs, rtol=0, atol=1e-5)


def test_rotation_turns_as_torchvision_does():
    images = toys.images(2)
    ours = radar.attack(toys.conv(), images, "rotation", degrees=10).images
    theirs = rotate(images, 10, InterpolationMode.BILINEAR)
    assert torch.allclose(ours[..., 8:-8, 8:-8], theirs[..., 8:-8, 8:-8], atol=1e-4)


@pytest.mark.parametrize("degrees", [2.0, -15.0])
def test_rotation_is_undone(degrees: float):
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    smooth = torch.stack([torch.sin(2 * x + y), x * y + y**2])  # a map of no symmetry
    turned = rotated(smooth[:, None], degrees)[:, 0]
    back, seen = Rotation(degrees=degrees).undo(turned)
    middle = torch.zeros_like(seen)
    middle[12:-12, 12:-12] = True
    assert bool(seen[middle].all())
    assert float((back - smooth)[:, middle].abs().max()) < 2e-3
    assert float((turned - smooth)[:, middle].abs().max()) > 1e-2, "and it had to be undone"
    assert bool(back[:, ~seen].isnan().all())
    assert bool(back[:, seen].isfinite().all())


def test_rotation_by_a_right_angle_keeps_every_pixel():
    maps = toys.images(2)[:, 0]
    back, seen = Rotation(degrees=90.0).undo(torch.rot90(maps, 1, (1, 2)))
    assert bool(seen.all())
    assert torch.allclose(back, maps, atol=1e-4)


def test_rotation_loses_the_corners():
    # A point of the clean image is lost where the turned image does not show it.
    _, seen = Rotation(degrees=20.0).undo(torch.zeros(1, 41, 41))
    x, y = np.meshgrid(np.arange(41) - 20, 20 - np.arange(41))  # y upwards
    turned = (x + 1j * y) * np.exp(1j * np.pi * 20 / 180)
    shown = np.maximum(abs(turned.real), abs(turned.imag)) <= 20
    assert np.array_equal(seen.numpy(), shown)
    assert not np.array_equal(shown, shown[:, ::-1]), "the direction matters"
