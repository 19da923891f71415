"""attack, explain and compare: what they take, refuse and state."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import torch

import radar_core as radar
from radar_core.errors import BadImage, BadModel, BadParameter, UnknownMethod
from radar_core.metrics import METRICS
from radar_core.runtime import count_passes
from tests import toys

BAD_IMAGES = {
    "grey": (torch.zeros(1, 32, 32), "three equal channels"),
    "two numbers": (torch.zeros(32, 32), "shape"),
    "channels last": (torch.zeros(32, 32, 3), "shape"),
    "four channels": (torch.zeros(4, 32, 32), "shape"),
    "empty": (torch.zeros(3, 0, 32), "shape"),
    "no images": (torch.zeros(0, 3, 32, 32), "at least one"),
    "8 bit": (torch.zeros(3, 32, 32, dtype=torch.uint8), "divide by 255"),
    "out of range": (torch.full((3, 32, 32), 255.0), "in \\[0, 1\\]"),
    "negative": (torch.full((3, 32, 32), -0.1), "in \\[0, 1\\]"),
    "nan": (torch.full((3, 32, 32), math.nan), "NaN"),
    "infinite": (torch.full((3, 32, 32), math.inf), "infinity"),
    "array": (np.zeros((3, 32, 32), np.float32), "ndarray"),
}


@pytest.mark.parametrize("which", BAD_IMAGES)
@pytest.mark.parametrize("call", ["attack", "explain"])
def test_bad_images_get_one_sentence(which: str, call: str):
    given, said = BAD_IMAGES[which]
    images = given if isinstance(given, torch.Tensor) else [given]
    calls = {
        "attack": lambda: radar.attack(toys.conv(), images, "fgsm", "4/255"),
        "explain": lambda: radar.explain(toys.conv(), images, "gradcam"),
    }
    with pytest.raises(BadImage, match=said) as caught:
        calls[call]()
    assert "\n" not in str(caught.value)


def test_no_images_at_all():
    with pytest.raises(BadImage, match="at least one"):
        radar.attack(toys.conv(), [], "fgsm", "4/255")


@pytest.mark.parametrize("eps", ["abc", "-1", "5", "nan", "", "1/0", None, -0.1])
def test_bad_eps(eps: object):
    with pytest.raises(BadParameter, match="ε"):
        radar.attack(toys.conv(), toys.images(1), "fgsm", eps)  # type: ignore[arg-type]


def test_unknown_methods_name_the_nearest():
    with pytest.raises(UnknownMethod, match="fgsm"):
        radar.attack(toys.conv(), toys.images(1), "fgms", "4/255")
    with pytest.raises(UnknownMethod, match="gradcam"):
        radar.explain(toys.conv(), toys.images(1), "grad-cam")
    with pytest.raises(UnknownMethod, match="spearman"):
        radar.compare(torch.zeros(4, 4), torch.zeros(4, 4), ["spearmann"])


def test_bad_parameters_and_classes():
    model, images = toys.conv(), toys.images(2)
    with pytest.raises(BadParameter, match="no parameter"):
        radar.attack(model, images, "fgsm", "4/255", steps=3)
    with pytest.raises(BadParameter, match="between"):
        radar.attack(model, images, "pgd", "4/255", steps=0)
    with pytest.raises(BadModel, match="no class 'zebra'"):
        radar.attack(model, images, "fgsm", "4/255", label="zebra")
    with pytest.raises(BadModel, match="no class 'zebra'"):
        radar.explain(model, images, "gradcam", target="zebra")
    with pytest.raises(BadParameter, match="3 names given as label for 2 images"):
        radar.attack(model, images, "fgsm", "4/255", label=["a", "b", "c"])
    with pytest.raises(BadParameter, match="every image"):
        radar.attack(model, images, "fgsm", "4/255", target=["a", None])
    with pytest.raises(BadParameter, match="every image"):
        radar.explain(model, images, "gradcam", target=["a", None])
    with pytest.raises(BadImage, match="at least one"):
        radar.explain(model, images, "shap", background=torch.zeros(0, 3, 32, 32))


def test_logits_that_are_no_numbers_are_refused():
    model = toys.conv()
    with torch.no_grad():
        model.module.head.weight.fill_(math.nan)
    with pytest.raises(BadModel, match="not numbers"):
        radar.attack(model, toys.images(1), "fgsm", "4/255")


def test_one_image_a_batch_and_a_list_of_sizes():
    model, images = toys.conv(), toys.images(2)
    one = radar.attack(model, images[0], "fgsm", "4/255")
    batch = radar.attack(model, images, "fgsm", "4/255")
    mixed = radar.attack(model, [images[0], toys.images(1, side=50)], "fgsm", "4/255")
    assert one.images.shape == (1, 3, 32, 32)
    assert torch.allclose(one.images[0], batch.images[0], atol=1e-6)
    assert mixed.images.shape == (2, 3, 32, 32)
    assert torch.allclose(mixed.images[0], one.images[0], atol=1e-6)
    assert torch.equal(mixed.clean[1:], model.prepare(toys.images(1, side=50)))


def test_images_of_other_precision_and_with_gradients():
    model, images = toys.conv(), toys.images(1)
    wanted = radar.attack(model, images, "fgsm", "4/255").images
    double = radar.attack(model, images.double(), "fgsm", "4/255").images
    assert double.dtype == torch.float32
    assert torch.equal(double, wanted)
    leaf = images.clone().requires_grad_()
    assert torch.equal(radar.attack(model, leaf, "fgsm", "4/255").images, wanted)
    assert leaf.grad is None


def test_result_states_what_makes_it_repeatable():
    model, images = toys.conv(), toys.images(1)
    result = radar.attack(model, images, "pgd", "0.5/255", steps=3, seed=5)
    assert (result.attack, result.eps, result.seed) == ("pgd", "0.5/255", 5)
    assert result.parameters["steps"] == 3
    assert set(result.parameters) == {
        *("steps", "step_size", "restarts", "random_start", "norm", "early_stop")
    }
    again = radar.attack(
        model, images, result.attack, result.eps, seed=result.seed, **result.parameters
    )
    assert torch.equal(again.images, result.images)
    assert result.seconds > 0
    found = radar.explain(model, images, "lime", samples=40, seed=5)
    assert (found.explainer, found.seed, found.parameters["samples"]) == ("lime", 5, 40)
    assert len(found) == 1


def test_explains_what_the_model_reads_in_the_first_image():
    model = toys.conv()
    images = toys.images(8)
    read = [r.label for r in model.read(images)]
    other = next(i for i, label in enumerate(read) if label != read[0])
    pair = images[[0, other]]
    assert radar.explain(model, pair, "gradcam").targets == (read[0], read[0])
    own = radar.explain(model, pair, "gradcam", target=[read[0], read[other]])
    assert own.targets == (read[0], read[other])
    assert not torch.allclose(own[1], radar.explain(model, pair, "gradcam")[1])


def test_untargeted_leaves_the_reading_not_the_label():
    model, images = toys.linear(), toys.images(2)
    wrong = ["a" if r.label != "a" else "b" for r in model.read(images)]
    labelled = radar.attack(model, images, "fgsm", "4/255", label=wrong)
    plain = radar.attack(model, images, "fgsm", "4/255")
    assert labelled.status == ("already wrong",) * 2
    assert torch.equal(labelled.images, plain.images)


def test_a_reading_that_misses_its_target_is_held():
    model, images = toys.linear(), toys.images(4)
    targets = ["a" if r.label != "a" else "b" for r in model.read(images)]
    result = radar.attack(model, images, "fgsm", "0.01/255", target=targets)
    assert result.status == ("held",) * 4


def test_visitors_on_one_model_do_not_mix():
    model, images = toys.conv(), toys.images(4)
    alone = [radar.explain(model, image, "gradcam", target="a").maps for image in images]
    found: dict[int, list[torch.Tensor]] = {}

    def visit(which: int) -> None:
        found[which] = [
            radar.explain(model, images[which], "gradcam", target="a").maps for _ in range(10)
        ]

    visitors = [threading.Thread(target=visit, args=(i,)) for i in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    for which, maps in found.items():
        assert all(torch.equal(one, alone[which]) for one in maps)


def test_compare_takes_tensors_and_arrays():
    first, second = torch.rand((2, 20, 20), generator=torch.Generator().manual_seed(0))
    wanted = radar.compare(first, second)
    assert list(wanted) == list(METRICS)
    assert list(wanted)[:4] == ["topk_overlap", "spearman", "centre_shift", "ssim"]
    assert radar.compare(first.numpy(), second.double().numpy()) == wanted
    assert radar.compare(first.clone().requires_grad_(), second, ["ssim"]) == {
        "ssim": wanted["ssim"]
    }


@pytest.mark.parametrize(
    ("first", "second"), [((4, 4), (4, 5)), ((3, 4, 4), (3, 4, 4)), ((4,), (4,)), ((0, 4), (0, 4))]
)
def test_compare_refuses_maps_of_other_shapes(first: tuple[int, ...], second: tuple[int, ...]):
    with pytest.raises(BadParameter, match="one shape"):
        radar.compare(torch.zeros(first), torch.zeros(second))


def test_an_attack_says_which_epsilon_it_takes():
    model, images = toys.conv(), toys.images(1)
    for name in ("fgsm", "pgd"):
        with pytest.raises(BadParameter, match="has no distance of its own: give an ε"):
            radar.attack(model, images, name)
        with pytest.raises(BadParameter, match="give an ε"):
            radar.attack(model, images, name, "own")
    with pytest.raises(BadParameter, match="between 0 and 1"):
        radar.attack(model, images, "pgd", "2")
    assert radar.attack(model, images, "pgd", "2", norm="l2").norm == "l2"


def test_a_pattern_belongs_to_a_universal_attack():
    model, images = toys.conv(), toys.images(4)
    pattern = radar.fit(model, images, epochs=1)
    with pytest.raises(BadParameter, match="uses no pattern"):
        radar.attack(model, images, "fgsm", "4/255", pattern=pattern)
    with pytest.raises(BadParameter, match="fit it first"):
        radar.attack(model, images, "uap", "4/255")
    with pytest.raises(BadParameter, match="needs no fitting"):
        radar.fit(model, images, "pgd")


def test_an_attack_that_cannot_aim_says_so():
    with pytest.raises(BadParameter, match="which class to reach"):
        radar.attack(toys.conv(), toys.images(1), "sign_noise", "4/255", target="a")


def test_a_batch_of_a_thousand_stays_within_the_memory_budget(monkeypatch: pytest.MonkeyPatch):
    from radar_core import runtime
    from radar_core.settings import Settings

    monkeypatch.setattr(runtime, "settings", lambda: Settings(memory_mb=8))
    sizes: list[int] = []
    module = toys.network()
    module.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    model = toys.classifier(module, "block")
    images = toys.images(1000)
    result = radar.attack(model, images, "fgsm", "8/255")
    assert len(result.status) == 1000
    most = model.measured_batch_size()
    assert 1 < most < 1000
    assert max(sizes) == most
    alone = radar.attack(model, images[-1], "fgsm", "8/255")
    assert torch.allclose(alone.images[0], result.images[-1], atol=1e-6)
    frames = radar.attack_grid(model, images[:40], "bim", "0,1/255,2/255", steps=2)
    assert len(frames) == 3
    assert max(sizes) == most


def test_what_a_batch_takes_is_what_is_kept_for_the_backward_pass():
    model = toys.conv()
    with count_passes() as passes:
        size = model.measured_batch_size()
    assert passes.forward == 0
    # Kept for 32 × 32 px: at least the maps of both convolutions, 8 and 16 of them, in float32.
    assert 1.4 * 4 * (8 * 32 * 32 + 16 * 16 * 16) < model._kept_bytes < 1e6
    assert size == 256


def test_a_device_out_of_memory_goes_on_with_less_and_says_so():
    class Small(torch.nn.Module):
        """A device that holds three images."""

        def __init__(self) -> None:
            super().__init__()
            self.net = toys.network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self.net(x)

    small, images = toys.classifier(Small().eval(), "net.block"), toys.images(7)
    wanted = radar.attack_grid(toys.conv(), images, "pgd", "0,2/255,8/255", steps=3)
    found = radar.attack_grid(small, images, "pgd", "0,2/255,8/255", steps=3)
    for one, other in zip(wanted, found, strict=True):
        assert one.status == other.status
        assert torch.allclose(one.images, other.images, atol=1e-6)
    assert "ran out of memory; went on with batches of" in found[0].facts["machine"][0]
    assert "machine" not in wanted[0].facts


def test_logits_that_become_no_numbers_under_attack_are_refused():
    class Fragile(torch.nn.Module):
        """Gives no numbers for an image that is darker than it should be."""

        def __init__(self) -> None:
            super().__init__()
            self.keep = torch.nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            level = self.keep(x).mean((1, 2, 3))
            sound = torch.where(level.detach() < 0.49, math.nan, 1.0)
            return torch.stack([-level, level], dim=1) * sound[:, None]

    model = toys.classifier(Fragile().eval(), "keep", "ab", mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(BadModel, match="not numbers"):
        radar.attack(model, torch.full((3, 32, 32), 0.5), "fgsm", "8/255")
