"""What is offered: folders added outlive the process, and one that has gone breaks nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from radar_core.cli import main
from radar_core.data import library, open_data
from radar_core.data.library import add_folder, forget, offered, summary
from radar_core.errors import BadData, BadParameter, CannotWrite


@pytest.fixture(autouse=True)
def _own_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RADAR_FETCHED", str(tmp_path / "data"))
    monkeypatch.delenv("RADAR_DATA", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return a_folder(tmp_path / "my images")


def a_folder(place: Path) -> Path:
    for number, label in enumerate(("bcc", "nv", "nv")):
        path = place / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (90 * number, 120, 60)).save(path)
    return place


def names() -> list[str]:
    return [one.name for one in offered()]


def test_what_is_added_is_offered_and_written_down(folder: Path, tmp_path: Path):
    one, data = add_folder(f" {folder} ")
    assert (one.name, one.title, one.kind) == (str(folder), "my images", "added")
    assert len(data) == 3
    assert names() == ["phantom", str(folder)]
    assert len(open_data(one.name)) == 3
    said = json.loads((tmp_path / "data" / library.FILE).read_text())
    assert said["folders"] == [{"path": str(folder)}]
    assert summary(one).found.startswith("3 images") and summary(one).class_names == ("bcc", "nv")
    assert forget(folder).name == str(folder)
    assert names() == ["phantom"]
    assert len(open_data(str(folder))) == 3, "its files are untouched"


def test_twice_the_same_is_said_however_it_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    add_folder(folder)
    link = tmp_path / "link"
    link.symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    for other in (folder, "my images", f"{folder}/../my images", link):
        with pytest.raises(BadParameter, match="in the list already, as my images"):
            add_folder(other)
    assert names() == ["phantom", str(folder)]


def test_what_the_settings_offer_is_not_added_again(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RADAR_DATA", str(folder))
    with pytest.raises(BadParameter, match="already"):
        add_folder(folder)
    assert [one.kind for one in offered()] == ["phantom", "settings"]


@pytest.mark.parametrize(
    "path", ["/nowhere/at/all", "~nobody-here/x", "x" * 5000, "a\0b", "phantom", "bloodmnist"]
)
def test_nothing_wrong_is_added(path: str, tmp_path: Path):
    with pytest.raises(BadData, match="there is no folder or CSV file"):
        add_folder(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="holds no images"):
        add_folder(tmp_path / "empty")
    with pytest.raises(BadParameter, match="no path"):
        add_folder("  ")
    assert names() == ["phantom"]


def test_what_has_gone_is_still_named_and_can_be_forgotten(folder: Path):
    one, _ = add_folder(folder)
    shutil.rmtree(folder)
    assert names() == ["phantom", str(folder)]
    assert "there is nothing at" in summary(one).error and "forget it" in summary(one).error
    forget(folder)
    assert names() == ["phantom"]
    with pytest.raises(BadParameter, match="was not added; added are: none"):
        forget(folder)


def test_a_list_that_is_damaged_breaks_nothing_and_is_not_overwritten(folder: Path, tmp_path: Path):
    place = tmp_path / "data" / library.FILE
    place.parent.mkdir()
    for damaged in ("{", "[]", '{"format": 2, "folders": []}', '{"format": 1, "folders": [3]}'):
        place.write_text(damaged)
        assert names() == ["phantom"]
        with pytest.raises(CannotWrite, match="mend it or take it away"):
            add_folder(folder)
        assert place.read_text() == damaged


def test_two_processes_do_not_lose_each_others_lines(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(library, "PATIENCE", 0.05)
    add_folder(folder)
    other = a_folder(tmp_path / "other")
    with (
        FileLock(tmp_path / "data" / f".{library.FILE}.lock"),
        pytest.raises(CannotWrite, match="another process"),
    ):
        add_folder(other)
    add_folder(other)
    assert names() == ["phantom", str(folder), str(other)]


def test_a_place_that_cannot_be_written(folder: Path, tmp_path: Path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RADAR_FETCHED", str(tmp_path / "file" / "data"))
    with pytest.raises(CannotWrite, match="RADAR_FETCHED"):
        add_folder(folder)
    assert names() == ["phantom"]


def test_the_command_adds_lists_and_forgets(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["add", str(folder)]) == 0
    out = capsys.readouterr().out
    assert f"{folder}: 3 images" in out
    assert f"python -m radar_core evaluate --data '{folder}' --model MODEL" in out
    assert main(["list", "data", "--json"]) == 0
    phantom, mine = json.loads(capsys.readouterr().out)["data"]
    assert (phantom["id"], phantom["read_by"]) == ("phantom", ["phantom"])
    assert (mine["id"], mine["kind"], mine["read_by"]) == (str(folder), "added", [])
    assert main(["list", "models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["reads"] == ["phantom"]
    assert main(["add", str(folder)]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["add", str(folder), "--forget"]) == 0
    assert "untouched" in capsys.readouterr().out
    assert names() == ["phantom"]


def test_the_command_says_what_is_skipped(folder: Path, capsys: pytest.CaptureFixture[str]):
    for number in range(5):
        (folder / "nv" / f"bad{number}.png").write_bytes(b"")
    assert main(["add", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "skipped:" in out and "and 2 more" in out
