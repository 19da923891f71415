"""Whether a flip outlives a file: rounding and JPEG as the libraries do them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import radar_core as radar
from radar_core.api.saving import FORMATS
from tests import toys


def through_a_file(image: Tensor, kind: str, **options: object) -> Tensor:
    buffer = io.BytesIO()
    pixels = np.rint(image.numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    back = np.asarray(Image.open(io.BytesIO(buffer.getvalue())))
    return torch.from_numpy(back.copy()).permute(2, 0, 1).float() / 255


def test_are_what_a_file_gives_back():
    images = toys.images(2)
    for i in range(2):
        png = through_a_file(images[i], "PNG")
        jpeg = through_a_file(images[i], "JPEG", quality=95)
        assert torch.allclose(FORMATS["png"](images)[i], png, atol=1e-7)
        assert torch.allclose(FORMATS["jpeg95"](images)[i], jpeg, atol=1e-7)


class _Threshold(nn.Module):
    """Reads class 1 where the mean lies over 100.3 grey levels."""

    def __init__(self) -> None:
        super().__init__()
        self.keep = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        over = (self.keep(x).mean((1, 2, 3)) * 255 - 100.3) * 50
        return torch.stack([-over, over], dim=1)


@pytest.mark.parametrize(
    ("eps", "status", "survives"),
    [("0.1/255", "held", None), ("0.4/255", "flipped", False), ("1/255", "flipped", True)],
)
def test_a_flip_of_less_than_half_a_level_is_lost(eps: str, status: str, survives: bool | None):
    model = toys.classifier(_Threshold().eval(), "keep", "ab", mean=(0, 0, 0), std=(1, 1, 1))
    result = radar.attack(model, torch.full((3, 32, 32), 100 / 255), "fgsm", eps)
    assert result.status == (status,)
    (saved,) = radar.after_saving(model, result)
    assert saved["png"].survives is survives
    assert saved["jpeg95"].survives is survives
    assert saved["png"].as_dict()["reading"]["label"] == ("b" if survives else "a")


def test_towards_a_class_it_must_still_be_that_class():
    model, images = toys.linear(), toys.images(3)
    read = [r.label for r in model.read(images)]
    targets = ["a" if label != "a" else "b" for label in read]
    result = radar.attack(model, images, "pgd", "32/255", target=targets)
    for i, saved in enumerate(radar.after_saving(model, result)):
        assert saved["png"].survives is (saved["png"].reading.label == targets[i])
