"""A survey: the numbers of each image, what is kept, what is gone on with."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import radar_core.survey.run as running
from radar_core.api import attack_grid, compare, explain
from radar_core.api.flipping import flipped
from radar_core.data import open_data
from radar_core.errors import BadData, Cancelled
from radar_core.models import Classifier
from radar_core.runtime import Progress
from radar_core.survey import Survey, SurveySettings, SurveyStore, run_survey
from tests.toys import classifier, conv, images, network

CLASSES = ("a", "b")
GRID = "0.1/255,0.5/255,1/255,2/255,2.5/255,2.9/255"


@pytest.fixture(scope="module")
def model() -> Classifier:
    return conv()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eleven images in two classes; the last is none."""
    pictures = to_levels(images(10))
    for number in range(11):
        place = tmp_path / "set" / CLASSES[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        file = place / f"{number:02d}.png"
        if number < 10:
            Image.fromarray(pictures[number]).save(file)
    (tmp_path / "set" / "a" / "10.png").write_bytes(b"no image")
    return tmp_path / "set"


def to_levels(batch: Tensor) -> NDArray[np.uint8]:
    return (batch * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def last(*args: object, **more: object) -> Survey:
    *_, found = run_survey(*args, **more)  # type: ignore[arg-type]
    return found


def test_every_number_is_what_a_computation_of_one_image_gives(
    model: Classifier, folder: Path
) -> None:
    data = open_data(str(folder))
    found = last(data, model, SurveySettings(grid=GRID))
    assert found.stage == "done" and found.complete
    assert len(found.rows) == 10
    assert list(found.unreadable) == [e.id for e in data.entries if e.id not in found.rows]
    turned = []
    for entry in data.entries:
        if entry.id in found.unreadable:
            continue
        case, row = data.case(entry), found.rows[entry.id]
        assert row.sha256 == case.sha256
        clean = model.prepare(case.image)
        reading = model.read(clean)[0]
        assert row.reading == reading.label
        assert row.probability == pytest.approx(reading.probability, abs=1e-5)
        frames = attack_grid(model, clean, "fgsm", GRID)
        first = next((f for f in frames if flipped(f)), None)
        assert row.effect is not None
        assert row.effect.eps == (first.eps if first else "")
        turned.append(first is not None)
        there = (first or frames[-1]).images[0]
        maps = explain(model, [clean[0], there], "gradcam", target=reading.label)
        expected = compare(maps[0], maps[1])["topk_overlap"]
        assert row.effect.overlap == pytest.approx(expected, abs=1e-3)
    assert len(set(turned)) == 2, "some are turned, some are not"
    late = {row.effect.eps for row in found.rows.values() if row.effect} & {"2.5/255", "2.9/255"}
    assert late, "some only at a larger ε, which not all are attacked at"


def test_readings_come_before_any_attack(model: Classifier, folder: Path) -> None:
    stages = [(s.stage, len(s.rows), s.attacked) for s in run_survey(open_data(str(folder)), model)]
    assert stages[0] == ("readings", 0, 0)
    assert next(s for s in stages if s[2])[1] == 10
    assert stages[-1] == ("done", 10, 10)


def test_a_survey_that_was_stopped_goes_on_where_it_was(
    model: Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, store = open_data(str(folder)), SurveyStore(tmp_path / "kept")
    stop = threading.Event()
    states = run_survey(data, model, store=store, progress=Progress(None, stop))
    while (next(states)).attacked < 4:
        pass
    stop.set()
    with pytest.raises(Cancelled):
        list(states)
    attacked, read = counting(monkeypatch)
    states = run_survey(data, model, store=SurveyStore(tmp_path / "kept"))
    begin = next(states)
    assert (len(begin.rows), begin.attacked) == (10, 4)
    *_, found = states
    assert sum(attacked) == 6 and sum(read) == 0
    assert found.rows == last(data, model).rows
    assert last(data, model, store=SurveyStore(tmp_path / "kept")).rows == found.rows
    assert sum(attacked) == 6 + 10, "the one in between kept nothing"


def counting(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[int]]:
    """How many images are attacked, and how many read for their readings, from now on."""
    attacked: list[int] = []
    read: list[int] = []
    effects, reading = running._effects, Classifier.read

    def effects_counted(model: Classifier, clean, wanted):  # type: ignore[no-untyped-def]
        attacked.append(len(clean))
        return effects(model, clean, wanted)

    def read_counted(self: Classifier, images):  # type: ignore[no-untyped-def]
        read.append(len(images))
        return reading(self, images)

    monkeypatch.setattr(running, "_effects", effects_counted)
    monkeypatch.setattr(Classifier, "read", read_counted)
    return attacked, read


def test_what_is_kept_is_known_by_the_picture_not_by_its_name(
    model: Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SurveyStore(tmp_path / "kept")
    last(open_data(str(folder)), model, store=store)
    attacked, read = counting(monkeypatch)
    moved = folder.rename(tmp_path / "elsewhere")
    found = last(open_data(str(moved)), model, store=store)
    assert found.complete and not attacked and not read
    one = next((moved / CLASSES[0]).glob("*.png"))
    Image.new("RGB", (32, 32), (200, 120, 90)).save(one)
    last(open_data(str(moved)), model, store=store)
    assert sum(attacked) == 1 and sum(read) == 1
    last(open_data(str(moved)), conv(seed=4), store=store)
    assert sum(attacked) == 11, "another model reads for itself"
    last(open_data(str(moved)), model, SurveySettings(attack="bim", grid="2/255"), store=store)
    assert sum(attacked) == 21 and sum(read) == 11, "another attack attacks anew, and reads not"


def test_what_is_known_is_given_without_computing(
    model: Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, store = open_data(str(folder)), SurveyStore(tmp_path / "kept")
    assert not last(data, model, store=store, compute=False).rows
    found = last(data, model, store=store)
    attacked, read = counting(monkeypatch)
    known = last(data, model, store=store, compute=False)
    assert known.rows == found.rows and not attacked and not read


def test_a_model_without_a_layer_to_look_at_says_so(folder: Path) -> None:
    found = last(open_data(str(folder)), classifier(network(3), "head"))
    assert found.attacked == 10 and all(
        r.effect and r.effect.overlap is None for r in found.rows.values()
    )
    assert len(found.notes) == 1


def test_a_store_that_cannot_be_used_is_one_sentence_and_the_survey_goes_on(
    model: Classifier, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    found = last(open_data(str(folder)), model, store=SurveyStore(tmp_path / "file"))
    assert found.complete and "is not kept" in found.notes[0]
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "surveys.sqlite").write_bytes(b"damaged" * 400)
    store = SurveyStore(tmp_path / "kept")
    assert "surveys.sqlite" in store.error and "not a database" in store.error


def test_a_set_with_nothing_to_read_is_refused(model: Classifier, folder: Path) -> None:
    for file in folder.rglob("*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(BadData, match="can be read"):
        last(open_data(str(folder)), model)


def test_the_phantom_is_known_again_without_drawing_it(
    model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_data("phantom", split="val")
    monkeypatch.setattr(data, "entries", list(data.entries)[:3])
    store = SurveyStore(tmp_path)
    found = last(data, model, store=store)
    drawn: list[str] = []
    monkeypatch.setattr(type(data), "pixels", lambda self, entry: drawn.append(entry.id))
    again = last(data, model, store=store)
    assert again.rows == found.rows and not drawn
