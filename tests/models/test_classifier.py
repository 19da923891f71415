"""Classifier: normalisation, one-logit models, sizes, features; a module stays as it was."""

from __future__ import annotations

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from radar_core.errors import BadModel
from radar_core.models.classifier import Classifier
from radar_core.runtime import count_passes


class Net(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.conv(x))).mean((2, 3))
        return self.head(self.drop(x))


def classifier(outputs: int = 3, classes: tuple[str, ...] = ("a", "b", "c"), **more) -> Classifier:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        module = Net(outputs).eval()
    return Classifier(module, classes, cam_layer="conv", input_size=16, **more)


def images(count: int = 2, side: int = 16) -> torch.Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(1))


def test_normalises_inside_and_nowhere_else():
    model = classifier(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    x = images()
    by_hand = (x - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor([0.5, 0.25, 2.0])[
        :, None, None
    ]
    assert torch.allclose(model(x), model.module(by_hand), atol=1e-6)


def test_one_logit_becomes_the_sigmoid():
    model = classifier(1, ("benign", "malignant"))
    x = images()
    z = model.module((x - model.mean) / model.std)[:, 0]
    p = model.probabilities(x)
    assert torch.allclose(p[:, 1], torch.sigmoid(z), atol=1e-6)
    assert torch.allclose(p.sum(1), torch.ones(2))
    assert model.read(x)[0].label in ("benign", "malignant")


def test_wrong_number_of_logits_is_said():
    with pytest.raises(BadModel, match="gives 5 logits"):
        classifier(5)(images())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"class_names": ("a",)}, "two or more"),
        ({"class_names": ("a", "a")}, "two or more"),
        ({"cam_layer": "nowhere"}, "no layer 'nowhere'"),
        ({"std": (1.0, 0.0, 1.0)}, "std positive"),
    ],
)
def test_refuses_what_cannot_be(more, says):
    given = {"class_names": ("a", "b", "c"), "cam_layer": "conv", **more}
    with pytest.raises(BadModel, match=says):
        Classifier(Net(3), **given)


def test_held_restores_modes_and_gradients_after_an_error():
    model = classifier()
    model.module.train()
    model.module.norm.eval()
    model.module.head.bias.requires_grad_(False)
    before = [(n, m.training) for n, m in model.named_modules()]
    wants = [p.requires_grad for p in model.parameters()]

    def fail_midway() -> None:
        with model.held():
            assert not any(m.training for m in model.modules())
            assert not any(p.requires_grad for p in model.parameters())
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert [(n, m.training) for n, m in model.named_modules()] == before
    assert [p.requires_grad for p in model.parameters()] == wants


def test_held_lets_one_thread_in_at_a_time():
    model, inside, seen = classifier(), [], []

    def work() -> None:
        with model.held():
            inside.append(1)
            seen.append(len(inside))
            model(images())
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 8


def test_prepare_keeps_the_aspect_and_the_centre():
    model = classifier()
    wide = torch.zeros((3, 32, 64))
    wide[0, :, 16:48] = 1  # the middle square is red, what lies beside it is cut
    assert model.prepare(wide)[0, 0, :, 1:-1].min() > 0.98
    assert model.prepare(wide.roll(16, 2))[0, 0].mean() < 0.6
    exact = images(1)[0]
    assert torch.equal(model.prepare(exact)[0], exact)


def test_masks_are_cut_as_their_image():
    model = classifier()
    mask = torch.zeros((32, 64), dtype=torch.bool)
    mask[:16, 16:48] = True
    fitted = model.prepare_mask(mask)
    assert fitted.shape == (16, 16)
    assert fitted[:7].all()
    assert not fitted[9:].any()


def test_features_feed_the_last_layer():
    model = classifier()
    x = images(5)
    assert torch.allclose(model.module.head(model.features(x)), model(x), atol=1e-5)
    assert not model.module.head._forward_pre_hooks


def test_passes_are_counted_forward_and_backward():
    model = classifier()
    with count_passes() as spent:
        model.probabilities(images(3))
        x = images(2).requires_grad_()
        model(x).sum().backward()
    assert (spent.forward, spent.backward) == (5, 2)


def test_hash_follows_weights_and_names():
    one, same, other = classifier(), classifier(), classifier(classes=("x", "b", "c"))
    assert one.sha256() == same.sha256() != other.sha256()
    with torch.no_grad():
        same.module.head.bias += 1e-6
    assert one.sha256() != same.sha256()


@pytest.mark.cuda
def test_reads_the_same_on_cuda():
    here, there = classifier(), classifier()
    there.to("cuda")
    x = images(4)
    assert torch.allclose(here.probabilities(x), there.probabilities(x.to("cuda")).cpu(), atol=1e-3)
