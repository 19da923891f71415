"""An image of one's own on the case page: given while something runs, and removed again."""

from __future__ import annotations

import gc
from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from radar_core.case import CaseResult
from radar_core.ui.compute import Upload
from radar_core.ui.jobs import device_jobs
from tests.data.dicoms import dicom
from tests.pages.conftest import address, finished, until
from tests.pages.test_case_page import QUICK, png

Open = Callable[..., AppTest]


def held(sha256: str) -> list[str]:
    """Whatever the process still holds of an upload: its bytes, its results, its jobs."""
    gc.collect()
    objects = gc.get_objects()
    found = [
        type(o).__name__
        for o in objects
        if (isinstance(o, Upload) and o.sha256 == sha256)
        or (isinstance(o, CaseResult) and o.spec.image == sha256)
    ]
    del objects
    return found + [job.key for job in device_jobs()._jobs.values() if job.about == sha256]


def test_a_removed_image_leaves_the_memory_with_all_that_was_computed(app: Open) -> None:
    at = app("case", **QUICK, data="upload")
    at.file_uploader(key="file").upload("mine.png", png(81, 67), "image/png").run()
    at = finished(at)
    sha256 = at.session_state["image"]
    assert held(sha256), "else there is nothing to lose"
    assert address(at)["image"] == sha256
    at.button(key="upload.remove").click().run()
    assert not at.exception and not at.error
    assert any("are removed" in c.value for c in at.caption)
    assert "Choose an image" in at.info[0].value
    assert "image" not in address(at)
    assert not [b for b in at.button if b.key == "upload.remove"]
    until(at, lambda at: not held(sha256))
    at.file_uploader(key="file.1").upload("next.png", png(70, 90), "image/png").run()
    at = finished(at)
    assert any("next" in s.value for s in at.subheader)
    assert not any("are removed" in c.value for c in at.caption)


def test_every_frame_that_was_looked_at_is_removed(app: Open) -> None:
    values = np.random.default_rng(1).integers(0, 256, (3, 64, 64), np.uint8)
    at = app("case", **QUICK, data="upload")
    at.file_uploader(key="file").upload("scan.dcm", dicom(values, frames=3), "application/dicom")
    at = finished(at.run())
    first = at.session_state["image"]
    (frame,) = [slider for slider in at.slider if slider.label == "Frame"]
    at = finished(frame.set_value(1).run())
    second = at.session_state["image"]
    assert first != second
    at.button(key="upload.remove").click().run()
    until(at, lambda at: not held(first) and not held(second))


def test_what_another_visitor_also_waits_for_goes_on_for_them(app: Open) -> None:
    query = {**QUICK, "attack": "pgd", "pgd.steps": "900", "seed": "31", "data": "upload"}
    one, other = app("case", **query), app("case", **query)
    for at in (one, other):
        at.file_uploader(key="file").upload("same.png", png(82, 66), "image/png").run()
    one.button(key="upload.remove").click().run()
    assert not one.exception and not one.error
    assert other.run().button(key="cancel"), "its job goes on"
    other.button(key="upload.remove").click().run()
    until(other, lambda at: not any(job.active for job in device_jobs()._jobs.values()))


def test_an_upload_while_a_job_runs_comes_and_the_job_is_dropped(app: Open) -> None:
    at = app("case", **{**QUICK, "attack": "pgd", "pgd.steps": "1000", "seed": "17"})
    running = [job for job in device_jobs()._jobs.values() if job.active]
    assert len(running) == 1
    at.selectbox(key="data").set_value("upload").run()
    at.selectbox(key="attack").set_value("fgsm").run()
    at.file_uploader(key="file").upload("urgent.png", png(83, 65), "image/png").run()
    at = finished(at)
    assert any("urgent" in s.value for s in at.subheader)
    assert not at.error and not at.exception
    assert running[0].stop.is_set() and running[0].state != "done"
