"""The attacked images of an experiment as a data set that others read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from radar_core.cli import main
from radar_core.data import open_data
from radar_core.errors import BadParameter, Cancelled, CannotWrite
from radar_core.experiments import adversaries
from radar_core.experiments.adversaries import export_set
from radar_core.experiments.run import run_experiment
from radar_core.models import load_model
from radar_core.runtime import Progress


def ran(spec, engine, folder, keep):
    asked = replace(spec, explainers=(), keep=keep, attacks=("fgsm",), eps=("8/255",))
    *_, last = run_experiment(asked, folder, engine, command="typed")
    assert last.state == "done"
    return asked


@pytest.mark.parametrize("keep", ["png", "npz"])
def test_pictures_table_and_card(keep, spec, engine, tmp_path, capsys):
    asked = ran(spec, engine, tmp_path / "run", keep)
    out = tmp_path / "set"
    assert main(["export", str(tmp_path / "run"), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"4 attacked pictures in {out}\n"
    table = pd.read_csv(out / "images.csv")
    assert list(table.columns) == list(adversaries.COLUMNS) and len(table) == 4
    model, data = load_model(asked.models[0]), open_data("phantom", split="test")
    for row in table.itertuples():
        path = out / row.file
        assert path.parent.name == row.label == data.case(data.find(row.image)).label
        assert path.parent.parent.name == "8_255"
        pixels = torch.from_numpy(np.asarray(Image.open(path)).transpose(2, 0, 1).copy())[None]
        assert model.read(pixels.float() / 255)[0].label == row.reads_rounded
        clean = model.prepare(data.case(data.find(row.image)).image)
        change = (pixels.float() / 255 - clean).abs().max().item()
        assert change == pytest.approx(8 / 255, abs=0.6 / 255)
        twin = path.parents[3] / "clean" / path.parent.name / path.name
        stored = np.asarray(Image.open(twin)).transpose(2, 0, 1)
        assert np.abs(stored / 255 - clean[0].numpy()).max() <= 0.501 / 255
        if keep == "npz":
            with np.load(path.parents[1] / "images.npz") as exact:
                image = exact["images"][list(exact["names"]).index(row.image)]
            assert image.dtype == np.float32
            assert np.abs(image - clean[0].numpy()).max() == pytest.approx(row.linf, abs=1e-7)
    assert keep == "npz" or not list(out.rglob("*.npz"))
    assert len(ImageFolder(str((out / table.file[0]).parents[1]))) == 4
    card = (out / "README.md").read_text()
    tried = table[table.status != "already wrong"]
    turned, after = (tried.status == "flipped").sum(), (tried.reads_rounded != tried["first"]).sum()
    assert f"| 4 | {len(tried)} | {turned} | {after} |" in card
    assert "not a medical device" in card and "    typed\n" in card and "8/255" in card


def test_what_cannot_be_exported_is_one_sentence(whole, spec, engine, tmp_path):
    with pytest.raises(BadParameter, match="kept no images; --resume --keep png"):
        export_set(whole, tmp_path / "set")
    with pytest.raises(BadParameter, match="holds no experiment"):
        export_set(tmp_path / "nothing", tmp_path / "set")
    ran(spec, engine, tmp_path / "run", "png")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").touch()
    with pytest.raises(BadParameter, match="is not empty"):
        export_set(tmp_path / "run", tmp_path / "used")
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite):
        export_set(tmp_path / "run", tmp_path / "file" / "set")


def test_a_lost_picture_and_a_model_that_is_gone_are_said(spec, engine, tmp_path, monkeypatch):
    ran(spec, engine, tmp_path / "run", "png")
    next((tmp_path / "run" / "arrays").rglob("8_255*.png")).unlink()

    def gone(self, name, sha256):
        raise adversaries.BadModel("it is gone")

    monkeypatch.setattr("radar_core.experiments.work.Bench.model", gone)
    made = export_set(tmp_path / "run", tmp_path / "set")
    assert (len(made.rows), made.lost, made.unread) == (3, 1, ["it is gone"])
    card = (tmp_path / "set" / "README.md").read_text()
    assert "Outcomes without a picture here: 1." in card and "not read again: it is gone" in card
    assert pd.read_csv(tmp_path / "set" / "images.csv").reads_rounded.isna().all()


def test_the_folder_one_stands_in_is_filled(spec, engine, tmp_path, monkeypatch):
    ran(spec, engine, tmp_path / "run", "png")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    export_set(tmp_path / "run", Path())
    assert (tmp_path / "here" / "images.csv").is_file() and (Path.cwd() / "README.md").is_file()


def test_stopped_on_its_way_nothing_is_left(spec, engine, tmp_path):
    ran(spec, engine, tmp_path / "run", "png")
    (tmp_path / "set").mkdir()
    progress, written = Progress(), []

    def stop(fraction, note=""):
        written.extend(tmp_path.rglob(".set.part/**/*.png"))
        if written:
            raise Cancelled("cancelled")

    progress.step = stop
    progress.part = lambda low, high: progress
    with pytest.raises(Cancelled):
        export_set(tmp_path / "run", tmp_path / "set", progress)
    assert written and not any((tmp_path / "set").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "set"]
    assert export_set(tmp_path / "run", tmp_path / "set").folder == tmp_path / "set"
