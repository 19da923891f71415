"""The frames of a case along ε: each shows what the case at its ε shows."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radar_core.case import CaseResult, CaseSpec, run_case, run_curve, run_floor
from radar_core.data.synthetic import PhantomData
from radar_core.models.classifier import Classifier
from radar_core.pictures import to_pixels
from radar_core.view.blob import unpack
from radar_core.view.frames import CurveView, composed, curve_view
from radar_core.view.panels import case_view
from tests import toys

SPEC = CaseSpec(
    image="3",
    attack="fgsm",
    eps="3/255",
    explainers=("gradcam", "lime"),
    explainer_parameters=(("lime.samples", 64), ("lime.superpixels", 12)),
)


@pytest.fixture(scope="module")
def data() -> PhantomData:
    return PhantomData("test", side=64)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return toys.decided()


def run(spec: CaseSpec, data: PhantomData, model: Classifier) -> CaseResult:
    *_, result = run_case(spec, data=data, model=model)
    return result


@pytest.fixture(scope="module")
def case(data: PhantomData, model: Classifier) -> CaseResult:
    return run(SPEC, data, model)


@pytest.fixture(scope="module")
def stages(data: PhantomData, model: Classifier) -> list[CurveView]:
    """The stages of its curve, of which LIME is not a part."""
    seen: list[CurveView] = []
    spec = replace(SPEC, explainers=("gradcam",))
    for result in run_curve(spec, data=data, model=model):
        seen.append(curve_view(result, seen[-1] if seen else None))
    return seen


def pixels(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw)))


def head(
    case: CaseResult, curve: CurveView, **more: Any
) -> tuple[dict[str, Any], dict[str, bytes]]:
    return unpack(composed(case_view(case), curve, **more))


def test_a_frame_shows_what_the_case_at_its_epsilon_shows(
    case: CaseResult, stages: list[CurveView], data: PhantomData, model: Classifier
) -> None:
    header, pictures = head(case, stages[-1])
    there = run(replace(SPEC, eps="6/255"), data, model)
    alone, own = unpack(case_view(there).blob)
    at = stages[-1].result.at("6/255")
    frame = header["frames"][at]
    assert (frame["eps"], frame["label"]) == ("6/255", "6/255")
    assert frame["verdict"] == alone["verdict"]
    assert frame["bars"] == alone["bars"]
    assert frame["strip"] == alone["strip"]
    assert frame["captions"]["attacked-gradcam"] == alone["captions"]["attacked-gradcam"]
    for name in ("attacked-image", "difference-image", "attacked-gradcam"):
        apart = np.abs(pixels(pictures[f"{name}@{at}"]).astype(int) - pixels(own[name]))
        assert apart.max() <= 1, name
    shown, computed = (
        pixels(pictures[f"attacked-image@{at}"]),
        to_pixels(there.attack.images[0].numpy()),
    )
    np.testing.assert_array_equal(shown, computed)


def test_where_the_slider_rests_everything_of_the_case_stands(
    case: CaseResult, stages: list[CurveView]
) -> None:
    header, pictures = head(case, stages[-1])
    alone, own = unpack(case_view(case).blob)
    frame = header["frames"][header["at"]]
    for part in ("columns", "captions", "verdict", "strip", "bars"):
        assert frame[part] == alone[part], part
    assert pictures[f"attacked-lime@{header['at']}"] == own["attacked-lime"]
    assert pictures["clean-lime"] == own["clean-lime"]


def test_an_explainer_too_dear_for_every_epsilon_says_so_and_keeps_its_clean_map(
    case: CaseResult, stages: list[CurveView]
) -> None:
    header, pictures = head(case, stages[-1])
    column = header["frames"][0]["columns"][2]
    assert (column["id"], column["state"]) == ("lime", "elsewhere")
    assert "costs too much" in column["wait"]
    assert column["signed"] is case.explanations["lime"].signed is True
    assert "attacked-lime@0" not in pictures


def test_what_is_still_to_come_is_pending_or_awaited(
    case: CaseResult, stages: list[CurveView]
) -> None:
    first = head(case, stages[0], growing=True)[0]["frames"]
    assert [i for i, f in enumerate(first) if not f.get("pending")] == stages[0].result.known
    assert len(first) == len(stages[0].result.axis)
    awaited = first[stages[0].result.known[0]]
    assert awaited["columns"][1]["state"] == "waiting"
    assert awaited["strip"][2]["value"] == "…"
    last = head(case, stages[-1])[0]["frames"]
    assert not any(f.get("pending") for f in last)


def test_numbers_that_are_not_to_come_are_not_awaited(
    case: CaseResult, stages: list[CurveView]
) -> None:
    only = replace(
        case,
        spec=replace(case.spec, explainers=("lime",)),
        explanations={"lime": case.explanations["lime"]},
        scores={"lime": case.scores["lime"]},
    )
    frames = head(only, stages[-1])[0]["frames"]
    at = stages[-1].result.at("3/255")
    assert {cell["value"] for cell in frames[0]["strip"][2:]} == {"—"}
    assert "…" not in {cell["value"] for cell in frames[at]["strip"]}


def test_a_case_whose_epsilon_is_not_computed_yet_is_shown_by_itself(
    stages: list[CurveView], data: PhantomData, model: Classifier
) -> None:
    far = run(replace(SPEC, eps="16/255"), data, model)
    assert stages[0].result.at("16/255") not in stages[0].result.frames
    header, pictures = head(far, stages[0], growing=True)
    frame = header["frames"][header["at"]]
    assert frame["verdict"] == unpack(case_view(far).blob)[0]["verdict"]
    assert f"attacked-image@{header['at']}" in pictures


def test_a_nearest_example_stands_beyond_the_axis(data: PhantomData, model: Classifier) -> None:
    spec = replace(SPEC, attack="deepfool", eps="own", explainers=("gradcam",))
    *_, curve = run_curve(spec, data=data, model=model)
    header, pictures = head(run(spec, data, model), curve_view(curve))
    assert header["at"] == len(curve.axis) == len(header["frames"]) - 1
    assert header["frames"][-1]["eps"] == "own"
    assert f"attacked-image@{header['at']}" in pictures


def test_zero_says_that_nothing_was_changed(case: CaseResult, stages: list[CurveView]) -> None:
    for label, says in (
        (case.clean_reading.label, "At ε 0 the image is left as it is"),
        (case.case.label, "The model was already wrong before any attack"),
    ):
        frame = stages[-1].result.frames[0]
        status = "no-op" if label == case.clean_reading.label else "already wrong"
        curve = replace(stages[-1].result, frames={0: replace(frame, status=(status,))})
        shown = head(case, CurveView(curve, stages[-1].pictures))[0]["frames"][0]["verdict"]
        said = "".join(text for text, _ in shown)
        assert said.startswith(says)
        assert "Attacked" not in said


def test_words_of_the_noise_floor_stand_where_the_slider_rests(
    case: CaseResult, stages: list[CurveView], data: PhantomData, model: Classifier
) -> None:
    *_, floor = run_floor(case, explainers=("gradcam",), data=data, model=model)
    header, _ = head(case, stages[-1], floor=floor)
    here, other = header["frames"][header["at"]]["strip"], header["frames"][0]["strip"]
    word = floor.places["gradcam"]["topk_overlap"].word
    assert here[2]["note"] == word
    assert other[2]["note"] == "Grad-CAM"


def test_frames_of_one_axis_are_known_by_it(
    case: CaseResult, stages: list[CurveView], data: PhantomData, model: Classifier
) -> None:
    other = run(replace(SPEC, eps="6/255"), data, model)
    keys = {head(one, stages[-1])[0]["axis"] for one in (case, other)}
    assert len(keys) == 1


def test_an_epsilon_asked_for_stands_where_its_frame_is_known(
    case: CaseResult, stages: list[CurveView]
) -> None:
    plain, _ = head(case, stages[-1])
    header, _ = head(case, stages[-1], asked="6/255")
    assert header["at"] == stages[-1].result.at("6/255") != plain["at"]
    assert header["frames"] == plain["frames"]
    assert (plain["stage"], header["stage"]) == ("done", "waiting")
    beyond, _ = head(case, stages[-1], asked="0.3")
    assert (beyond["at"], beyond["stage"]) == (plain["at"], "waiting")
