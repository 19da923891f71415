"""The page Library: what there is, adding by path, fetching, models from elsewhere, removing."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from radar_core.data import fetching
from radar_core.data.fetching import Offer, download, fetch, fetched, the_offer
from radar_core.data.fetching.run import downloads_of
from radar_core.data.fetching.sources import isic2018, medmnist
from radar_core.data.library import add_folder, offered
from radar_core.models.zoo import build
from radar_core.runtime import Progress
from radar_core.settings import ROOT
from radar_core.ui import compute, library_body
from radar_core.ui.locality import from_here
from tests.data.served import serving
from tests.data.test_fetch_sets import FILE, table
from tests.data.test_library import a_folder
from tests.pages.conftest import until
from tests.pages.toy import write_toy_model

Open = Callable[..., AppTest]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, app: Open) -> Open:
    """The page, with a folder of models and one of fetched sets that are this test's own."""
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("RADAR_FETCHED", str(tmp_path / "data"))
    monkeypatch.delenv("RADAR_DATA", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(library_body, "is_local", lambda: True)  # AppTest has no connection
    compute.reopen()
    return app


def told(at: AppTest) -> str:
    kinds = (at.markdown, at.success, at.error, at.warning, at.info)
    return "\n".join(e.value for kind in kinds for e in kind).replace("\\", "")


def press(at: AppTest, label: str) -> AppTest:
    button = next(b for b in at.button if b.label == label)
    return button.click().run()


def add(at: AppTest, path: str | Path) -> AppTest:
    at.text_input(key="library.path").set_value(str(path))
    at = press(at, "**Add**")
    assert not at.exception
    return at


def test_what_there_is_and_what_fits_what(own: Open, tmp_path: Path):
    write_toy_model(tmp_path / "models", trained_on="photographs")
    at = own("library")
    assert not at.exception
    text = told(at)
    assert "##### Phantom" in text and "1,400 synthetic images" in text
    assert "Read by: **Phantom reader**, trained on these images." in text
    assert "Trained on, and fits: **Phantom**." in text
    assert "Balanced accuracy **85.1 %** (83.5 to 86.8)" in text
    assert "Trained on photographs, which is not in the list." in text
    assert "CC BY-NC 4.0" in text and "MIT" in text
    assert [b.key for b in at.button if "Remove" in b.label] == ["library.model.toy.remove"]
    assert any('"format": 1' in j.value or '"format":1' in j.value for j in at.json)


def test_a_folder_is_added_in_two_steps_and_is_there_at_the_next_visit(own: Open, tmp_path: Path):
    folder = a_folder(tmp_path / "*my* images")
    at = add(own("library"), folder)
    assert "Added *my* images: 3 images" in told(at)
    assert "Read by: no model here was trained on these images." in told(at)
    assert at.text_input(key="library.path").value == ""
    for page in ("case", "evaluate", "train"):
        at = own(page)
        box = next(s for s in at.selectbox if s.label == "Data")
        assert "*my* images" in box.options
    at = own("library")
    assert "Added by its path: " in told(at)
    at = press(at, "Forget")
    assert "its files are untouched" in told(at)
    assert [one.name for one in offered()] == ["phantom"]
    assert folder.is_dir()


def test_a_wrong_folder_gets_its_sentence_and_twice_the_same_too(own: Open, tmp_path: Path):
    at = add(own("library"), "/nowhere/*at* all")
    assert "There is no folder or CSV file '/nowhere/*at* all'" in told(at)
    assert at.text_input(key="library.path").value == "/nowhere/*at* all"
    at = add(at, "")
    assert "No path was given" in told(at) and "/nowhere" not in told(at)
    folder = a_folder(tmp_path / "mine")
    at = add(add(at, folder), folder)
    assert "is in the list already, as mine" in told(at)
    assert len(offered()) == 2


def test_skipped_images_are_named(own: Open, tmp_path: Path):
    folder = a_folder(tmp_path / "mine")
    for number in range(30):
        (folder / "nv" / f"bad{number:02}.png").write_bytes(b"")
    at = add(own("library"), folder)
    assert any(e.label == "30 were skipped" for e in at.expander)
    assert "nv/bad00.png" in told(at) and "and 10 more" in told(at)


@pytest.mark.parametrize("page", ["library", "case", "evaluate", "train", "checks", "home"])
def test_a_folder_that_has_gone_breaks_no_page(own: Open, tmp_path: Path, page: str):
    folder = a_folder(tmp_path / "mine")
    add_folder(folder)
    shutil.rmtree(folder)
    at = own(page)
    assert not at.exception
    boxes = [s for s in at.selectbox if s.label == "Data"]
    if boxes:
        at = boxes[0].set_value(str(folder)).run()
        assert not at.exception
    if page == "library":
        assert "There is nothing at" in told(at)
        at = press(at, "Forget")
        assert [one.name for one in offered()] == ["phantom"]


def test_the_ways_on_choose_data_and_model(own: Open, tmp_path: Path):
    folder = a_folder(tmp_path / "mine")
    write_toy_model(tmp_path / "models", trained_on="mine")
    at = add(own("library"), folder)
    at.button(key="library.data.1.evaluate").click().run()
    assert at.selectbox(key="evaluate.data").value == str(folder)
    assert at.selectbox(key="evaluate.model").value == "toy"
    at = own("library")
    at.button(key="library.data.1.train").click().run()
    assert at.selectbox(key="train.data").value == str(folder)
    at = own("library")
    at.button(key="library.data.1.case").click().run()
    assert (at.selectbox(key="data").value, at.selectbox(key="model").value) == (str(folder), "toy")


@pytest.fixture
def blood(monkeypatch: pytest.MonkeyPatch) -> None:
    """One set is offered, in a size that is published and three that are not."""
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(medmnist, "_info", lambda: table(FILE))
    monkeypatch.setattr(isic2018, "offers", lambda: ())


def test_a_set_is_fetched_shown_and_removed_after_a_question(own: Open, blood: None):
    with serving({"bloodmnist.npz": FILE}) as served:
        at = own("library")
        at.selectbox(key="library.fetch.side.bloodmnist").set_value(28).run()
        assert "Cells of the blood." in told(at) and "Licence: CC BY 4.0" in told(at)
        assert "accepts its licence" in told(at)
        at.text_input(key="library.fetch.mirror").set_value(served.url).run()
        at = until(press(at, "**Fetch**"), lambda at: "is in the list" in told(at))
    assert "27 images" in told(at) and "Cite: Yang" in told(at).replace(
        "Cite: J. Yang", "Cite: Yang"
    )
    assert any(b.label == "**Fetch again**" for b in at.button)

    at = press(own("library"), "Remove…")
    assert "Remove BloodMNIST, 28 px from this disk?" in told(at)
    at = press(at, "Keep it")
    assert len(fetched()) == 1 and "from this disk?" not in told(at)
    at = press(press(at, "Remove…"), "Remove it")
    assert "Removed BloodMNIST, 28 px from this disk" in told(at)
    assert fetched() == []


def test_a_download_goes_on_when_the_page_is_left_and_can_be_stopped(
    own: Open, blood: None, monkeypatch: pytest.MonkeyPatch
):
    def endless(offer: Offer, *, mirror: str, progress: Progress) -> Path:
        while True:
            progress.step(0.25, f"{offer.name}: 1 MB of 4 MB, 9 s left")
            time.sleep(0.01)

    monkeypatch.setattr(fetching, "fetch", endless)
    press(own("library"), "**Fetch**")
    shown = "25% · bloodmnist-64: 1 MB of 4 MB, 9 s left"
    at = until(own("library"), lambda at: shown in bars(at))  # another visit sees it
    assert not any(b.label == "**Fetch**" for b in at.button)
    at = until(press(at, "Stop"), lambda at: not any(b.label == "Stop" for b in at.button))
    assert any(b.label == "**Fetch**" for b in at.button)
    assert fetched() == []


def bars(at: AppTest) -> str:
    return "\n".join(bar.proto.text for bar in at.get("progress")).replace("\\", "")


def test_without_a_network_it_is_said_and_files_can_be_placed(own: Open, blood: None):
    offer = the_offer("bloodmnist", 28)
    at = own("library")
    at.selectbox(key="library.fetch.side.bloodmnist").set_value(28).run()
    at = until(press(at, "**Fetch**"), lambda at: "cannot be fetched" in told(at))
    folder = str(downloads_of(offer))
    assert any(folder in c.value for c in at.code)
    assert any(offer.files[0].url in c.value for c in at.code)
    (downloads_of(offer) / "bloodmnist.npz").write_bytes(FILE)
    at = until(press(at, "**Fetch**"), lambda at: "is in the list" in told(at))
    assert "cannot be fetched" not in told(at)
    assert len(fetch(offer).name) > 0


def checkpoint(path: Path, **more: object) -> bytes:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        state = build("mobilenet_v3_small", 2).eval().state_dict()
    path.parent.mkdir(exist_ok=True)
    torch.save({"state_dict": state, **more}, path)
    return path.read_bytes()


def in_the_list() -> list[str]:
    from radar_core.models.store import list_models

    return [info.name for info in list_models()]


def test_a_model_is_dropped_looked_into_and_added(own: Open, tmp_path: Path):
    content = checkpoint(tmp_path / "theirs" / "net.pth", img_size=64)
    folder = a_folder(tmp_path / "mine")
    add_folder(folder)
    at = own("library")
    at.file_uploader(key="library.file.0").upload("my net.pth", content, "application/zip").run()
    at = until(at, lambda at: any(b.key == "library.model.add" for b in at.button))
    assert "What **my net.pth** holds" in told(at)
    (shown,) = at.table
    assert "64 px" in str(shown.value.values) and "in the file" in str(shown.value.values)
    name = next(t for t in at.text_input if t.label == "Name")
    assert name.value == "my-net"
    at = at.button(key="library.model.add").click().run()
    at = until(at, lambda at: "class names" in told(at) and bool(at.error))
    assert "the field Class names" in told(at) and "--" not in at.error[0].value
    next(s for s in at.selectbox if s.label == "Class names").set_value(str(folder)).run()
    next(s for s in at.selectbox if s.label == "Trained on").set_value(str(folder)).run()
    next(t for t in at.text_input if t.label.startswith("Licence")).set_value("CC0").run()
    at.button(key="library.model.add").click().run()
    at = until(at, lambda at: "Added my-net" in told(at))
    assert "my-net" in in_the_list()
    assert "Trained on, and fits: **mine**." in told(at) and "2 classes: bcc, nv." in told(at)
    assert "CC0" in told(at)
    assert at.file_uploader(key="library.file.1").value is None
    assert list((tmp_path / "temporary").iterdir()) == []
    box = next(s for s in own("evaluate").selectbox if s.label == "Model")
    assert "my-net" in box.options


def test_a_model_by_its_path_with_other_settings(own: Open, tmp_path: Path):
    checkpoint(tmp_path / "theirs" / "net.pth")
    at = own("library")
    at.text_input(key="library.model_path").set_value(str(tmp_path / "theirs" / "net.pth"))
    at = press(at, "**Look into it**")
    at = until(at, lambda at: any(b.key == "library.model.add" for b in at.button))
    fields = {t.label: t for t in at.text_input}
    fields["Its 2 class names, in the order of the logits"].set_value("healthy, ill")
    fields["Mean"].set_value("0.5, 0.5")
    at.button(key="library.model.add").click().run()
    assert "The mean is three numbers with commas, not '0.5, 0.5'" in told(at)
    next(t for t in at.text_input if t.label == "Mean").set_value("0.5, 0.5, 0.5")
    next(n for n in at.number_input if n.key.startswith("library.side.look")).set_value(96)
    at.button(key="library.model.add").click().run()
    at = until(at, lambda at: "Added net" in told(at))
    from radar_core.models.store import load_model

    model = load_model("net")
    assert model.input_size == 96 and model.class_names == ("healthy", "ill")
    assert model.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    assert (tmp_path / "theirs" / "net.pth").is_file(), "what lies on the disk stays there"


class Payload:
    """Would run a command if it were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch /tmp/radar-payload-ran",)


def test_a_file_that_would_run_code_is_refused_and_removed(own: Open, tmp_path: Path):
    content = checkpoint(tmp_path / "theirs" / "evil.pth", hook=Payload())
    at = own("library")
    at.file_uploader(key="library.file.0").upload("evil.pth", content, "application/zip").run()
    at = until(at, lambda at: any(b.key == "library.other" for b in at.button))
    assert "evil.pth holds more than weights" in told(at).lower()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not Path("/tmp/radar-payload-ran").exists()
    at = press(at, "Another file")
    assert at.file_uploader(key="library.file.1").value is None


def test_a_model_of_ones_own_is_removed_after_a_question(own: Open, tmp_path: Path):
    write_toy_model(tmp_path / "models" / "toy")
    at = own("library")
    at = press(press(at, "Remove…"), "Remove it")
    assert "Removed Toy from this disk" in told(at)
    assert "toy" not in in_the_list() and "phantom" in in_the_list()
    assert not (tmp_path / "models" / "toy").exists()


def test_shipped_models_are_never_removed(own: Open):
    from radar_core.errors import BadParameter
    from radar_core.models.own import remove_model
    from radar_core.models.store import list_models

    for info in list_models():
        with pytest.raises(BadParameter, match="are removed here"):
            remove_model(info)
    assert (ROOT / "assets" / "models" / "phantom.json").is_file()


def test_a_visitor_from_elsewhere_is_told_the_commands(
    own: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    add_folder(a_folder(tmp_path / "mine"))
    write_toy_model(tmp_path / "models")
    monkeypatch.setattr(library_body, "is_local", lambda: False)
    at = own("library")
    assert not at.exception
    assert not at.text_input and not at.get("file_uploader")
    assert not [b.label for b in at.button if b.label in ("Forget", "Remove…", "**Fetch**")]
    assert str(tmp_path) not in told(at), "where things lie concerns nobody elsewhere"
    codes = "\n".join(c.value for c in at.code)
    for words in ("add PATH", "fetch NAME", "adopt FILE"):
        assert f"python -m radar_core {words}" in codes


@pytest.mark.parametrize(
    ("address", "headers", "here"),
    [
        (None, (), True),
        ("127.0.0.1", (), True),
        ("127.0.0.53", (), True),
        ("::1", ("Host",), True),
        ("::ffff:127.0.0.1", (), True),
        ("192.168.1.7", (), False),
        ("::ffff:192.168.1.7", (), False),
        ("2001:db8::1", (), False),
        ("fe80::1%eth0", (), False),
        ("a name", (), False),
        ("", (), False),
        ("127.0.0.1", ("X-Forwarded-For",), False),
        (None, ("via",), False),
    ],
)
def test_who_sits_at_this_machine(address: str | None, headers: tuple[str, ...], here: bool):
    assert from_here(address, headers) is here
