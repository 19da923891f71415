"""The blob the viewer is given: lossless pictures, scales, states, captions, numbers."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from radar_core.case import CaseResult, CaseSpec
from radar_core.metrics import METRICS
from radar_core.runtime import Passes
from radar_core.types import AttackResult, Case, Explanation, Reading
from radar_core.ui.text import plain
from radar_core.view.blob import pack, png, unpack
from radar_core.view.contour import outline
from radar_core.view.metric_words import by_role, metric_text, raw_range, same_map
from radar_core.view.panels import case_view, waiting

SIDE = 32


def reading(**probabilities: float) -> Reading:
    """A reading from its probabilities."""
    best = max(probabilities, key=probabilities.__getitem__)
    return Reading(best, probabilities[best], probabilities)


def explanation(id: str, maps: torch.Tensor, *, signed: bool) -> Explanation:
    """Maps as an explainer would give them."""
    return Explanation(maps, id, id.upper(), signed, ("mel", "mel"), {}, 0, Passes(), 0.1)


@pytest.fixture
def clean() -> torch.Tensor:
    return torch.rand((3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def done(clean: torch.Tensor) -> CaseResult:
    """A finished case: one grey level more everywhere, a signed and an unsigned explanation."""
    attacked = (clean * 253 / 255 + 1 / 255).clamp(0, 1)
    before, after = reading(mel=0.9, nv=0.1), reading(mel=0.2, nv=0.8)
    generator = torch.Generator().manual_seed(1)
    unsigned = torch.rand((2, SIDE, SIDE), generator=generator)
    signed = torch.randn((2, SIDE, SIDE), generator=generator)
    mask = torch.zeros((SIDE, SIDE), dtype=torch.bool)
    mask[8:20, 10:24] = True
    return CaseResult(
        spec=CaseSpec(image="case-1", explainers=("gradcam", "shap"), eps="4/255"),
        case=Case("case-1", clean, "mel", "test", "phantom:3/1", "0" * 64, synthetic=True),
        clean=clean,
        clean_reading=before,
        model_sha256="0" * 64,
        masks={"lesion": mask},
        attack=AttackResult(
            attacked[None],
            clean[None],
            ("flipped",),
            (before,),
            (after,),
            (4 / 255,),
            (1.5,),
            (1.0,),
            "pgd",
            "4/255",
            "linf",
            None,
            {},
            0,
            Passes(),
            0.5,
        ),
        explanations={
            "gradcam": explanation("gradcam", unsigned, signed=False),
            "shap": explanation("shap", signed, signed=True),
        },
        scores={id: {"topk_overlap": 0.55, "spearman": -0.3} for id in ("gradcam", "shap")},
        stage="done",
    )


def pixels(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw)))


def test_what_is_packed_is_unpacked() -> None:
    pictures = {"a": b"first", "b": b"second", "c": b"first"}
    blob = pack({"key": "k", "x": "ε"}, pictures)
    header, found = unpack(blob)
    assert found == pictures
    assert (header["key"], header["x"]) == ("k", "ε")
    assert header["images"]["a"] == header["images"]["c"]
    assert blob.count(b"first") == 1


def test_the_id_changes_with_the_header_and_with_the_pictures() -> None:
    ids = {
        unpack(pack(head, pictures))[0]["id"]
        for head, pictures in (
            ({"a": 1}, {"x": b"1"}),
            ({"a": 2}, {"x": b"1"}),
            ({"a": 1}, {"x": b"2"}),
        )
    }
    assert len(ids) == 3


def test_images_reach_the_browser_to_the_grey_level(done: CaseResult) -> None:
    _, pictures = unpack(case_view(done).blob)
    assert done.attack is not None
    for name, image in (("clean", done.clean), ("attacked", done.attack.images[0])):
        expected = (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        np.testing.assert_array_equal(pixels(pictures[f"{name}-image"]), expected)


def test_the_difference_is_signed_and_fills_the_range_at_the_distance_reached(
    clean: torch.Tensor, done: CaseResult
) -> None:
    base = clean.clamp(0.1, 0.9)
    step = torch.zeros_like(base)
    step[:, 0, 0], step[:, 0, 1] = 4 / 255, -4 / 255
    assert done.attack is not None
    attack = replace(done.attack, images=(base + step)[None], clean=base[None])
    header, pictures = unpack(case_view(replace(done, clean=base, attack=attack)).blob)
    shown = pixels(pictures["difference-image"])
    assert shown[0, 0].min() >= 254
    assert shown[0, 1].max() <= 1
    assert set(shown[1:].ravel().tolist()) == {128}
    assert header["captions"]["difference-image"][0] == "×31.9"


def test_each_map_of_an_explanation_has_its_own_scale(done: CaseResult) -> None:
    ramp = torch.linspace(0, 1, SIDE * SIDE).view(SIDE, SIDE)
    maps = torch.stack([ramp, 0.25 * ramp])
    signed = torch.stack([torch.full((SIDE, SIDE), -2.0), ramp])
    explanations = {
        "gradcam": explanation("gradcam", maps, signed=False),
        "shap": explanation("shap", signed, signed=True),
    }
    _, pictures = unpack(case_view(replace(done, explanations=explanations)).blob)
    shown = {name: pixels(raw) for name, raw in pictures.items()}
    assert np.array_equal(shown["clean-gradcam"], shown["attacked-gradcam"])
    assert (shown["clean-gradcam"].min(), shown["clean-gradcam"].max()) == (0, 255)
    assert set(shown["clean-shap"].ravel().tolist()) == {1}
    assert (shown["attacked-shap"].min(), shown["attacked-shap"].max()) == (128, 255)


def test_a_map_of_zeros_is_shown_as_zero(done: CaseResult) -> None:
    maps = torch.zeros((2, SIDE, SIDE))
    explanations = {id: explanation(id, maps, signed=id == "shap") for id in ("gradcam", "shap")}
    _, pictures = unpack(case_view(replace(done, explanations=explanations)).blob)
    assert pixels(pictures["clean-gradcam"]).max() == 0
    assert set(pixels(pictures["clean-shap"]).ravel().tolist()) == {128}


def test_what_is_under_way_is_said_stage_by_stage(done: CaseResult) -> None:
    nothing = replace(done, attack=None, explanations={}, scores={}, stage="reading")
    attacked = replace(done, explanations={}, scores={}, stage="attack")
    states = [
        [(c["state"], c["wait"]) for c in unpack(case_view(r).blob)[0]["columns"]]
        for r in (nothing, attacked, done)
    ]
    assert [s for s, _ in states[0]] == ["running", "waiting", "waiting"]
    assert states[0][0][1] == "PGD is being computed…"
    assert [s for s, _ in states[1]] == ["ready", "running", "waiting"]
    assert states[1][1][1] == "Grad-CAM is being computed…"
    assert [s for s, _ in states[2]] == ["ready"] * 3
    assert [c["id"] for c in unpack(waiting([("gradcam", "Grad-CAM")]))[0]["columns"]] == [
        "image",
        "gradcam",
    ]


def test_the_words_of_a_finished_case(done: CaseResult) -> None:
    header, _ = unpack(case_view(done).blob)
    assert ["mel 90 %", "clean"] in header["verdict"]
    assert ["nv 80 %", "attacked"] in header["verdict"]
    assert header["captions"]["attacked-image"] == ["nv 80 %", "ε 4/255"]
    assert header["captions"]["attacked-gradcam"] == ["", "focus kept 55 %"]
    strip = {cell["title"]: (cell["value"], cell["note"]) for cell in header["strip"]}
    assert strip["P(mel)"] == ("20 %", "was 90 %")
    assert strip["Reads now"] == ("nv", "80 %")
    assert strip[METRICS["spearman"].title] == ("−0.30", "Grad-CAM")
    assert header["bars"]["rows"] == [
        {"label": "mel", "clean": [0.9, "90 %"], "attacked": [0.2, "20 %"], "mark": "true label"},
        {"label": "nv", "clean": [0.1, "10 %"], "attacked": [0.8, "80 %"], "mark": ""},
    ]
    assert set(header["masks"]) == {"lesion"}


def lines(column: dict[str, Any]) -> dict[str, str]:
    """What stands beneath a column."""
    return {line["spoken"] + line["title"]: line["value"] for line in column["numbers"]}


def test_what_stands_beneath_a_column(done: CaseResult) -> None:
    maps = torch.zeros((2, SIDE, SIDE))
    maps[0, 0, 0], maps[0, 0, 1], maps[1, 0, 0] = -0.0123, 0.0342, 2.5
    shap = replace(explanation("shap", maps, signed=True), facts={"samples": 1200})
    cam = replace(done.explanations["gradcam"], passes=Passes(2, 2))
    shown = replace(done, explanations={"gradcam": cam, "shap": shap})
    image, first, second = map(lines, unpack(case_view(shown).blob)[0]["columns"])
    assert image["L∞ reached"] == "4/255"
    assert first["passes"] == "2"
    assert second["Raw range, clean"] == "−0.012 … 0.034"
    assert second["Raw range, attacked"] == "0 … 2.5"
    assert second["samples"] == "1,200"
    assert second[METRICS["topk_overlap"].title] == "0.55"


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ((0, 0), "0 … 0"),
        ((-12.6, 3456), "−13 … 3456"),
        ((1.7e-6, 0.4), "2e−6 … 0.40"),
        ((-3.4e-11, 3e-11), "−3.4 … 3.0 ×10⁻¹¹"),
        ((0, 2.5e6), "0 … 2.5 ×10⁶"),
        ((float("nan"), 1.0), "0 … 1.0"),
    ],
)
def test_a_raw_range_is_short_whatever_its_size(ends: tuple[float, float], says: str) -> None:
    assert raw_range(np.array([ends], dtype=np.float32)) == says


def test_an_explainer_without_a_map_says_why_and_the_others_lead(done: CaseResult) -> None:
    failed = replace(
        done,
        explanations={"shap": done.explanations["shap"]},
        scores={"shap": done.scores["shap"]},
        unexplained={"gradcam": "layer 'x' has no map"},
    )
    header, _ = unpack(case_view(failed).blob)
    _, first, second = header["columns"]
    assert (first["state"], first["wait"]) == ("failed", "No map for this model")
    assert first["why"] == "Layer 'x' has no map."
    assert (second["state"], second["why"]) == ("ready", "")
    assert {cell["note"] for cell in header["strip"][2:]} == {"SHAP"}
    begun = replace(failed, explanations={}, scores={}, stage="explainer:gradcam")
    states = [c["state"] for c in unpack(case_view(begun).blob)[0]["columns"]]
    assert states == ["ready", "failed", "running"]
    nothing = replace(begun, unexplained={"gradcam": "a", "shap": "b"}, stage="done")
    assert len(unpack(case_view(nothing).blob)[0]["strip"]) == 2


def test_only_headline_metrics_are_up_front(done: CaseResult) -> None:
    header, _ = unpack(case_view(done).blob)
    up_front = [metric.title for _, metric in by_role() if metric.role == "headline"]
    assert [cell["title"] for cell in header["strip"][2:]] == up_front
    roles = [metric.role for _, metric in by_role()]
    assert roles == sorted(roles, key=["headline", "further", "paper"].index)
    assert sorted(id for id, _ in by_role()) == sorted(METRICS)


def test_of_many_classes_the_likeliest_are_shown(done: CaseResult) -> None:
    many = reading(**{f"c{i:02d}": (i + 1) / 820 for i in range(40)})
    header, _ = unpack(case_view(replace(done, clean_reading=many, attack=None)).blob)
    assert header["bars"]["title"] == "The 12 likeliest"
    assert header["bars"]["rows"][0]["label"] == "c39"


def test_the_weight_counts_tensors_and_blob(done: CaseResult) -> None:
    view = case_view(done)
    images = 4 * 3 * SIDE * SIDE * 4
    maps = 4 * SIDE * SIDE * 4
    assert view.nbytes == images + maps + len(view.blob)


def test_metrics_are_written_by_their_own_unit_and_bounds() -> None:
    assert metric_text(float("nan"), "") == "not defined"
    assert metric_text(0.5549, "") == "0.55"
    assert metric_text(0.0271, "of the diagonal") == "2.7 %"
    assert same_map(METRICS["centre_shift"]).startswith("0 for equal maps")
    assert same_map(METRICS["spearman"]) == "1 for equal maps, between −1 and 1"
    distance = SimpleNamespace(direction="lower", low=0.0, high=float("inf"))
    assert same_map(distance) == "0 for equal maps, from 0"


def test_an_outline_runs_along_the_pixels_edges() -> None:
    mask = np.zeros((5, 6), dtype=bool)
    mask[1:3, 2:5] = True
    assert sorted(outline(mask).removeprefix("M").split("M")) == [
        "2 1h3",
        "2 1v2",
        "2 3h3",
        "5 1v2",
    ]
    assert outline(np.zeros((4, 4), dtype=bool)) == ""
    assert len(outline(np.ones((4, 4), dtype=bool)).split("M")) == 5


def test_png_keeps_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(pixels(png(levels)), levels)


def test_a_name_means_nothing_to_markdown() -> None:
    assert plain("a_b [x](http://y) :red[z]\n# t") == (r"a\_b \[x\]\(http\:\/\/y\) \:red\[z\] \# t")
