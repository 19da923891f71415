"""The digest of a case: what changes it, what must not, and the sentence of the difference."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from radar_core.case import CaseResult, CaseSpec, run_case
from radar_core.case.digest import Digest, comparison, digest, parse_digest
from radar_core.data.phantom import CLASSES
from radar_core.data.synthetic import PhantomData
from radar_core.errors import BadParameter
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import build

SPEC = CaseSpec(
    image="3", eps="8/255", attack_parameters=(("steps", 3),), explainers=("gradcam", "saliency")
)


def classifier(seed: int = 1) -> Classifier:
    module = build("mobilenet_v3_small", 7, seed=seed)
    with torch.no_grad():  # untrained, its logits are all but equal
        module.classifier[-1].weight *= 1e7
    return Classifier(module, CLASSES, cam_layer="features", input_size=64)


def computed(spec: CaseSpec = SPEC, seed: int = 1) -> CaseResult:
    *_, result = run_case(spec, data=PhantomData("test", side=64), model=classifier(seed))
    return result


@pytest.fixture(scope="module")
def case() -> CaseResult:
    return computed()


def test_it_is_written_and_read_back(case: CaseResult) -> None:
    now = digest(case)
    assert parse_digest(str(now)) == now
    assert now.image == case.case.sha256[:8]
    assert now.model == case.model_sha256[:8]
    assert len(now.numbers) == 2 + 3 * 2, "two probabilities, three headline metrics an explainer"
    assert now.numbers[0] == round((case.clean_reading.probability + 1) / 0.0025)


def test_the_same_case_again_has_the_same(case: CaseResult) -> None:
    assert comparison(digest(case), digest(computed())) == ""


@pytest.mark.parametrize("off", [-0.0049, -1e-6, 1e-6, 0.0049])
def test_the_noise_of_another_machine_is_no_change(case: CaseResult, off: float) -> None:
    scores = {
        id: {name: value + off for name, value in of.items()} for id, of in case.scores.items()
    }
    assert comparison(digest(case), digest(replace(case, scores=scores))) == ""


@pytest.mark.parametrize("off", [-0.01, 0.01])
def test_what_a_page_shows_differently_is_a_change(case: CaseResult, off: float) -> None:
    of = {**case.scores["saliency"]}
    of["spearman"] += off if abs(of["spearman"] + off) < 1 else -off
    now = digest(replace(case, scores={**case.scores, "saliency": of}))
    assert now.changed_since(digest(case)) == ("numbers",)


def test_a_metric_that_is_no_longer_defined_is_a_change(case: CaseResult) -> None:
    scores = {**case.scores, "saliency": {**case.scores["saliency"], "spearman": float("nan")}}
    now = digest(replace(case, scores=scores))
    assert now.changed_since(digest(case)) == ("numbers",)
    assert now.changed_since(now) == ()


def test_names_that_change_are_a_change_of_the_numbers(case: CaseResult) -> None:
    assert case.attack is not None
    attack = replace(case.attack, status=("no-op",))
    assert digest(replace(case, attack=attack)).changed_since(digest(case)) == ("numbers",)
    fewer = computed(replace(SPEC, explainers=("gradcam",)))
    assert digest(fewer).changed_since(digest(case)) == ("numbers",)


def test_another_image_and_another_model_are_named(case: CaseResult) -> None:
    other = digest(computed(replace(SPEC, image="4"))).changed_since(digest(case))
    assert "image" in other and "model" not in other
    retrained = digest(computed(seed=2)).changed_since(digest(case))
    assert "model" in retrained and "image" not in retrained


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"image": "f" * 8}, "the image has changed; the model and the numbers are the same."),
        ({"numbers": (0, 0)}, "the numbers have changed; the image and the model are the same."),
        (
            {"model": "f" * 8, "numbers": (0, 0)},
            "the model and the numbers have changed; the image is the same.",
        ),
        (
            {"image": "f" * 8, "model": "f" * 8, "named": "f" * 8},
            "the image, the model and the numbers have changed.",
        ),
    ],
)
def test_one_sentence_says_what_changed(changed: dict[str, object], says: str) -> None:
    then = Digest("0" * 8, "1" * 8, "2" * 8, (700, 500))
    now = replace(then, **changed)
    assert comparison(then, now) == f"Since this link was made, {says}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "0" * 8,
        "00000000-11111111-22222222-",
        "00000000-11111111-22222222-abc",
        "00000000-11111111-22222222-ABCD",
        "0000000g-11111111-22222222-abcd",
        "00000000-11111111-22222222-abcd\n",
        "<script>alert(1)</script>",
        "00000000-11111111-22222222-" + "ab" * 5000,
    ],
)
def test_what_is_no_digest_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadParameter, match="damaged") as caught:
        parse_digest(text)
    assert text[:3] not in str(caught.value) or not text
