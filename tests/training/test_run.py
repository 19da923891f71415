"""A training run: repeatable, resumable to the bit, stoppable, alone in its folder."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from radar_core.errors import BadData, BadImage, BadModel, Cancelled, CannotWrite
from radar_core.models import load_model
from radar_core.models.zoo import ARCHITECTURES
from radar_core.runtime import Progress
from radar_core.training.plan import LOCK, Plan
from radar_core.training.run import run_training
from radar_core.types import Entry
from tests.training.halves import ARCH, QUICK, Halves


def plan(folder, **changes) -> Plan:
    return Plan(ARCH, folder, replace(QUICK, **changes), pretrained="none")


@pytest.fixture(scope="module", autouse=True)
def _small():
    """The network takes images of 96 px, more than the smaller epoch's: nothing here needs 224."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, ARCH, replace(ARCHITECTURES[ARCH], input_size=96))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    data, rows = Halves(), []
    file = run_training(plan(tmp_path_factory.mktemp("one") / "toy"), data, report=rows.append)
    return data, file, rows


def test_the_same_plan_gives_the_same_bits(trained, tmp_path):
    _, file, _ = trained
    again = run_training(plan(tmp_path / "toy"), Halves())
    assert again.read_bytes() == file.read_bytes()
    other = run_training(plan(tmp_path / "toy", seed=8), Halves())
    assert other.read_bytes() != file.read_bytes()


def test_the_test_split_is_read_once_and_last(trained):
    data, _, rows = trained
    kinds = [kind for i, kind in enumerate(data.read) if i == 0 or data.read[i - 1] != kind]
    assert kinds == ["train", "val", "test"]
    assert data.read.count("test") == 8
    assert [row["epoch"] for row in rows] == [1.0, 2.0, 3.0]
    assert "val_score" not in rows[0]
    assert "val_score" in rows[1]


def test_the_card_says_how_and_how_well(trained):
    _, file, rows = trained
    card = json.loads(file.with_suffix(".json").read_text())
    assert card["splits"]["images"]["train"] == {"lower": 4, "upper": 4}
    assert card["recipe"]["started_from"] == "random weights"
    assert card["recipe"]["chosen_epoch"] in (2, 3)
    assert card["recipe"]["chosen_epoch"] == best_epoch(rows)
    assert card["figures"]["test"]["images"] == 8
    assert load_model(file).class_names == ("lower", "upper")
    assert not plan(file.parent).workshop.exists()


@pytest.mark.parametrize("balance", ["loss", "sampling"])
def test_killed_twice_it_goes_on_to_the_same_bits(trained, tmp_path, balance):
    whole = trained[1]
    if balance != QUICK.balance:
        whole = run_training(plan(tmp_path / "whole", balance=balance), Halves())
    broken = plan(tmp_path / "broken", balance=balance)
    for after in (1, 2):
        with pytest.raises(Killed):
            run_training(broken, Halves(), resume=after > 1, report=killer(after))
        assert not broken.file.exists()
    rows = []
    file = run_training(broken, Halves(), resume=True, report=rows.append)
    assert [row["epoch"] for row in rows] == [3.0]
    assert same_weights(whole, file)


class Killed(BaseException):
    """As if the process had ended."""


def killer(after):
    """Ends a training in the epoch after that one, whose state is not written any more."""

    def kill(row):
        assert row["epoch"] in (after, after + 1), "it began where it was broken off"
        if row["epoch"] == after + 1:
            raise Killed

    return kill


def same_weights(path, other_path) -> bool:
    one, other = load_file(path), load_file(other_path)
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_stopped_it_keeps_the_best_and_goes_on(trained, tmp_path):
    asked = plan(tmp_path / "toy")

    def stop(fraction, note):
        if note.startswith("epoch 3"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match=r"stopped after epoch 2; .* --resume goes on"):
        run_training(asked, Halves(), progress=Progress(stop))
    card = json.loads(asked.file.with_suffix(".json").read_text())
    assert "figures" not in card  # the test split is for the end
    load_model(asked.file)
    run_training(asked, Halves(), resume=True)
    assert same_weights(trained[1], asked.file)


def test_stopped_before_anything_was_judged_nothing_is_stored(tmp_path):
    def stop(fraction, note):
        if note.startswith("epoch 1"):
            raise Cancelled("enough")

    asked = plan(tmp_path / "toy")
    with pytest.raises(Cancelled, match="no model was stored"):
        run_training(asked, Halves(), progress=Progress(stop))
    assert not asked.file.exists()
    assert not asked.workshop.exists()


def test_a_state_of_another_training_is_refused(tmp_path):
    asked = plan(tmp_path / "toy")

    def stop(fraction, note):
        if note.startswith("epoch 3"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run_training(asked, Halves(), progress=Progress(stop))
    with pytest.raises(BadModel, match=r"another one \(it differs in recipe\)"):
        run_training(replace(asked, recipe=replace(asked.recipe, rate=2e-3)), Halves(), resume=True)
    with pytest.raises(BadModel, match="differs in data"):
        run_training(asked, Halves(each=10), resume=True)
    state = asked.workshop / "state.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(BadModel, match="damaged"):
        run_training(asked, Halves(), resume=True)


def test_two_trainings_do_not_share_a_folder(tmp_path):
    asked = plan(tmp_path / "toy")
    asked.workshop.mkdir(parents=True)
    with FileLock(asked.workshop / LOCK), pytest.raises(CannotWrite, match="another training"):
        run_training(asked, Halves())


def test_the_global_generator_is_left_alone(tmp_path):
    before = torch.get_rng_state()
    run_training(plan(tmp_path / "toy", epochs=1, small_epochs=0), Halves())
    assert torch.equal(torch.get_rng_state(), before)


def test_patience_ends_it(tmp_path):
    rows = []
    run_training(
        plan(tmp_path / "toy", epochs=40, small_epochs=0, patience=2, rate=1e-6),
        Halves(),
        report=rows.append,
    )
    assert len(rows) in (best_epoch(rows) + 2, 40)


def best_epoch(rows) -> int:
    """Of highest balanced accuracy, between equals of lower cross-entropy."""
    judged = [row for row in rows if "val_score" in row]
    return int(max(judged, key=lambda r: (r["val_balanced_accuracy"], -r["val_score"]))["epoch"])


def test_what_is_missing_is_said(tmp_path):
    entries = tuple(
        Entry(f"{s}{i}", c, s, "1")
        for s in ("train", "val", "test")
        for i, c in enumerate(("lower",) if s == "train" else ("lower", "upper"))
    )
    with pytest.raises(BadData, match="training image of upper"):
        run_training(plan(tmp_path / "a"), Halves(entries=entries))
    one = Halves()
    one.class_names = ("upper",)
    with pytest.raises(BadData, match="two or more"):
        run_training(plan(tmp_path / "b"), one)
    with pytest.raises(BadData, match=r"names the split test but no train"):
        run_training(plan(tmp_path / "c"), Halves(("test",)))


def test_unreadable_images_are_left_out_and_named(tmp_path):
    class Broken(Halves):
        def pixels(self, entry):
            if entry.source == "3":
                raise BadImage("a hole in it")
            return super().pixels(entry)

        def split(self, name):
            return Broken(entries=super().split(name).entries)

    file = run_training(plan(tmp_path / "toy", epochs=1, small_epochs=0), Broken())
    card = json.loads(file.with_suffix(".json").read_text())
    assert card["splits"]["unreadable"] == ["train-3: a hole in it", "val-3: a hole in it"]


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    with pytest.raises(CannotWrite, match=r"MiB .* do not fit .*\(No space left"):
        run_training(plan(tmp_path / "toy"), Halves())
