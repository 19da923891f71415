"""A case written out and read back: every value is the one the result holds."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from radar_core.case import CaseResult
from radar_core.case.export import HEADER, arrays, pictures, table
from radar_core.pictures import difference, overlay, own_scale, to_pixels
from radar_core.types import Reading
from tests.test_case_digest import computed


@pytest.fixture(scope="module")
def case() -> CaseResult:
    return computed()


def rows(result: CaseResult) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table(result))))


def test_the_arrays_are_those_of_the_result(case: CaseResult) -> None:
    assert case.attack is not None
    found = np.load(io.BytesIO(arrays(case)), allow_pickle=False)
    assert set(found) == {
        *("clean", "attacked", "difference", "mask.lesion", "mask.evidence"),
        *(f"map.{id}.{row}" for id in ("gradcam", "saliency") for row in ("clean", "attacked")),
    }
    np.testing.assert_array_equal(found["clean"], case.clean.numpy())
    np.testing.assert_array_equal(found["attacked"], case.attack.images[0].numpy())
    np.testing.assert_array_equal(found["difference"], found["attacked"] - found["clean"])
    assert abs(np.abs(found["difference"]).max() - case.attack.linf[0]) < 1e-6
    for id, explanation in case.explanations.items():
        np.testing.assert_array_equal(found[f"map.{id}.clean"], explanation[0].numpy())
        np.testing.assert_array_equal(found[f"map.{id}.attacked"], explanation[1].numpy())
    np.testing.assert_array_equal(found["mask.lesion"], case.masks["lesion"].numpy())
    assert {found[name].dtype.name for name in found} == {"float32", "bool"}
    assert {found[name].shape for name in found} == {(3, 64, 64), (64, 64)}


def test_the_pictures_are_lossless_and_those_of_the_viewer(case: CaseResult) -> None:
    assert case.attack is not None
    with zipfile.ZipFile(io.BytesIO(pictures(case))) as archive:
        assert archive.testzip() is None
        found = {n: np.asarray(Image.open(archive.open(n))) for n in archive.namelist()}
    assert len(found) == 3 + 3 * 2
    clean, attacked = case.clean.numpy(), case.attack.images[0].numpy()
    np.testing.assert_array_equal(found["clean.png"], to_pixels(clean))
    np.testing.assert_array_equal(found["attacked.png"], to_pixels(attacked))
    change = difference(clean, attacked, case.attack.linf[0])
    np.testing.assert_array_equal(found["difference.png"], change)
    values = case.explanations["saliency"][1].numpy()
    drawn = overlay(
        attacked, values / own_scale(values), signed=case.explanations["saliency"].signed
    )
    np.testing.assert_array_equal(found["saliency-attacked.png"], drawn)


def test_the_table_has_every_value_once_and_in_full(case: CaseResult) -> None:
    assert case.attack is not None
    found = rows(case)
    assert tuple(found[0]) == HEADER
    named = {(r["part"], r["method"], r["quantity"]): r for r in found}
    assert len(named) == len(found)
    for name, value in case.clean_reading.probabilities.items():
        row = named["reading", "", name]
        assert float(row["clean"]) == value
        assert float(row["attacked"]) == case.attack.readings_attacked[0].probabilities[name]
        assert row["unit"].startswith("probability")
    assert float(named["attack", "pgd", "L2 distance"]["between the two"]) == case.attack.l2[0]
    assert named["attack", "pgd", "status"]["between the two"] == case.attack.status[0]
    metrics = [r for r in found if r["part"] == "metric"]
    assert len(metrics) == sum(map(len, case.scores.values())) > 10
    for row in metrics:
        value = case.scores[row["method"]][row["quantity"]]
        said = row["between the two"]
        assert (said == "") if np.isnan(value) else (float(said) == value)
        assert " to " in row["unit"]
    shares = [r for r in found if r["part"] == "attribution"]
    assert len(shares) == sum(len(m) for masks in case.evidence.values() for m in masks.values())
    pair = case.evidence["saliency"]["lesion"]["evidence_share"]
    row = named["attribution", "saliency", "evidence_share in the lesion"]
    assert (float(row["clean"]), float(row["attacked"])) == pair


def test_a_class_is_no_formula(case: CaseResult) -> None:
    evil = '=HYPERLINK("http://x")'
    assert case.attack is not None
    reading = Reading(evil, 0.9, {evil: 0.9, 'a, "b"\nc': 0.1})
    attack = replace(case.attack, readings_attacked=(reading,))
    found = rows(replace(case, clean_reading=reading, attack=attack))
    assert found[0]["clean"] == f"'{evil}"
    assert found[1]["quantity"] == f"'{evil}"
    assert found[2]["quantity"] == 'a, "b"\nc'


def test_the_same_case_gives_the_same_bytes(case: CaseResult) -> None:
    again = replace(case, seconds=99.0)
    assert arrays(case) == arrays(again)
    assert pictures(case) == pictures(again)
