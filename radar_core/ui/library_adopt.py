"""Adding a model from the page: a file, what it holds, what it does not say, and into the list."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import streamlit as st

from radar_core.errors import RadarError
from radar_core.ui.jobs import Job, adoption_jobs
from radar_core.ui.library_jobs import (
    Chosen,
    Delivery,
    adoption_steps,
    for_the_page,
    inspection_steps,
)
from radar_core.ui.library_said import SAID, changed, said, say
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import plain, quiet, sentence

if TYPE_CHECKING:
    from radar_core.adoption import Found

KINDS = ["safetensors", "pt", "pth", "ckpt", "pt2", "torchscript"]
MOST_MB = 1024
LOOKED, ADDING = "library.looked", "library.adding"
FILE, ROUND = "library.file", "library.round"
MODEL_PATH = "library.model_path"
ARCH, SIDE = "library.arch", "library.side"
TYPED = "as typed"


@dataclass(frozen=True, eq=False)
class Looked:
    """A file that is looked into: the key of that job, and the file."""

    key: str
    given: Delivery


def adoption() -> None:
    """A file, what was found in it, and the button that takes it in."""
    said("model")
    looked = cast("Looked | None", st.session_state.get(LOOKED))
    job = adoption_jobs().get(looked.key, visitor()) if looked else None
    if looked is None or job is None:
        _choose()
    elif job.active:
        _wait(looked.key, "looking into the file")
    elif job.state == "failed" or job.value is None:
        st.error(plain(sentence(for_the_page(job.error))), icon=":material/error:")
        _hints()
        with st.container(horizontal=True, gap="small"):
            st.button("**Look again**", key="library.again", on_click=_again)
            st.button("Another file", key="library.other", on_click=_give_up)
    else:
        _found(looked, cast("Found", job.value))


def _choose() -> None:
    dropped, named = st.columns(2, gap="large")
    with dropped:
        st.file_uploader(
            "Drop a file here",
            type=KINDS,
            key=_file_key(),
            max_upload_size=MOST_MB,
            on_change=_dropped,
            help="Weights (safetensors, or a checkpoint) or a program (torch.export, TorchScript). "
            "No code in it is run.",
        )
    with named, st.form("library.name", border=False):
        st.text_input(
            "Or its path on this machine", key=MODEL_PATH, placeholder="/path/to/model.pt"
        )
        st.form_submit_button("**Look into it**", key="library.look", on_click=_named)
    _hints()


def _hints() -> None:
    with st.expander("Where the file does not say it", key="library.hints"):
        left, right = st.columns(2)
        left.text_input(
            "Architecture",
            key=ARCH,
            placeholder="resnet50, torchvision:…, timm:…",
            persist_state="session",
        )
        right.number_input("Image size, pixels", 16, 2048, None, key=SIDE, persist_state="session")


def _file_key() -> str:
    return f"{FILE}.{st.session_state.get(ROUND, 0)}"


def _dropped() -> None:
    file = st.session_state.get(_file_key())
    if file is not None:
        _look(Delivery(file.name, data=file.getvalue()))


def _named() -> None:
    text = str(st.session_state.get(MODEL_PATH) or "").strip()
    if not text:
        say("model", "no path was given; name a file of a model", bad=True)
        return
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        path = Path(text)
    _look(Delivery(path.name, path=path))


def _look(given: Delivery) -> None:
    st.session_state.pop(SAID, None)
    key = f"look/{uuid.uuid4().hex}"
    side = st.session_state.get(SIDE)
    steps = inspection_steps(
        given,
        str(st.session_state.get(ARCH) or "").strip() or None,
        int(side) if side else None,
    )
    adoption_jobs().submit(key, steps, owner=visitor(), slot="look", lasting=True)
    st.session_state[LOOKED] = Looked(key, given)


def _again() -> None:
    looked: Looked = st.session_state[LOOKED]
    adoption_jobs().forget(looked.key)
    _look(looked.given)


def _give_up() -> None:
    """Let go of the file and of all that was held of it."""
    st.session_state.pop(SAID, None)
    _let_go()


def _let_go() -> None:
    looked = st.session_state.pop(LOOKED, None)
    for slot, key in (("look", looked.key if looked else ""), ("add", _pop_adding())):
        adoption_jobs().release(visitor(), slot)
        if key:
            adoption_jobs().forget(key)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1  # an empty field for files
    for key in (ARCH, SIDE, MODEL_PATH):
        st.session_state.pop(key, None)


def _pop_adding() -> str:
    return str(st.session_state.pop(ADDING, ""))


def _wait(key: str, what: str) -> None:
    def look() -> bool:
        job: Job | None = adoption_jobs().get(key, visitor())
        if job is None or not job.active:
            return False
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(job.fraction, text=plain(f"{what}: {job.note}" if job.note else what))
            st.button("Stop", key="library.model.stop", type="tertiary", on_click=_give_up)
        return True

    polled(look, active=True)


def _found(looked: Looked, found: Found) -> None:
    """The guesses, what may be changed, and the button."""
    adding = st.session_state.get(ADDING)
    job = adoption_jobs().get(adding, visitor()) if adding else None
    if job is not None and job.active:
        _wait(job.key, "adding it")
        return
    if job is not None and job.state == "done":
        changed()
        say("models", f"Added {job.value.path.stem}")
        _let_go()
        st.rerun()
    if job is not None and job.state == "failed":
        st.error(plain(sentence(for_the_page(job.error))), icon=":material/error:")
    st.markdown(f"What **{plain(looked.given.name)}** holds, as far as it can be told:")
    _table(found)
    for note in found.notes:
        quiet(plain(sentence(note)))
    _fields(looked, found)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "**Add**",
            icon=":material/add:",
            key="library.model.add",
            on_click=_add,
            args=(looked, found),
        )
        st.button("Another file", key="library.model.other", on_click=_give_up)


def _table(found: Found) -> None:
    from radar_core.adoption.stated import rows

    st.table(
        [
            {"": word[:1].upper() + word[1:], "Found": plain(text), "Whence": plain(why)}
            for word, text, why in rows(found)
        ],
        border="horizontal",
    )


def _key(looked: Looked, field: str) -> str:
    return f"library.{field}.{looked.key}"


def _fields(looked: Looked, found: Found) -> None:
    from radar_core.adoption.stated import classes_wanted, numbers
    from radar_core.data.library import offered, summary
    from radar_core.models.own import proposed_name

    wanted = max(found.outputs, 2)
    sets = [(one, summary(one)) for one in offered()]
    fitting = {one.name: s.class_names for one, s in sets if len(s.class_names) == wanted}
    titles = {one.name: one.title for one, _ in sets}
    proposed = proposed_name(looked.given.name)
    left, middle, right = st.columns(3)
    left.text_input(
        "Name", proposed, key=_key(looked, "name"), help="1 to 40 letters, digits, - or _"
    )
    source = middle.selectbox(
        "Class names",
        [TYPED, *fitting],
        key=_key(looked, "names_from"),
        format_func=lambda name: name if name == TYPED else f"of {titles[name]}",
        help="In the order of the logits. Those of a data set are in the order of the alphabet, "
        "as most training programs have them; check it.",
    )
    if source == TYPED:
        right.text_input(
            f"Its {classes_wanted(found)}",
            ", ".join(found.class_names),
            key=_key(looked, "names"),
            placeholder="with commas",
        )
    else:
        with right:
            quiet(f"They are: {plain(', '.join(fitting[source]))}")
    left, middle, right = st.columns(3)
    left.selectbox(
        "Trained on",
        list(titles),
        index=None,
        key=_key(looked, "trained_on"),
        format_func=lambda name: titles.get(name, name),
        accept_new_options=True,
        placeholder="a data set, or type a name",
        help="It is then shown which data it fits.",
    )
    middle.text_input("Licence of the weights", key=_key(looked, "licence"))
    if len(found.architectures) > 1:
        right.selectbox(
            "Architecture",
            found.architectures,
            key=_key(looked, "arch"),
            help="They have the same tensors and read images differently; the file does not say "
            "which it is.",
        )
    with st.expander("Image size, mean and deviation, Grad-CAM", key="library.more"):
        first, second, third, fourth = st.columns(4)
        first.number_input(
            "Image size, pixels", 16, 2048, found.input_size, key=_key(looked, "side")
        )
        second.text_input("Mean", numbers(found.mean), key=_key(looked, "mean"))
        third.text_input("Deviation", numbers(found.std), key=_key(looked, "std"))
        fourth.text_input(
            "Grad-CAM layer", found.cam_layer, key=_key(looked, "layer"), placeholder="none"
        )


def _add(looked: Looked, found: Found) -> None:
    st.session_state.pop(SAID, None)
    try:
        chosen = _chosen(looked, found)
    except RadarError as error:
        say("model", str(error), bad=True)
        return
    key = f"add/{uuid.uuid4().hex}"
    steps = adoption_steps(looked.given, found, chosen)
    adoption_jobs().submit(key, steps, owner=visitor(), slot="add", lasting=True)
    st.session_state[ADDING] = key


def _chosen(looked: Looked, found: Found) -> Chosen:
    """What the fields say.

    Raises:
        BadParameter: numbers that are none.
    """
    from radar_core.adoption.stated import class_list, three_numbers
    from radar_core.data.library import offered, summary
    from radar_core.evaluation.words import data_title

    def value(field: str) -> str:
        return str(st.session_state.get(_key(looked, field)) or "").strip()

    source = value("names_from")
    names = class_list(value("names"))
    if source not in ("", TYPED):
        names = next((summary(one).class_names for one in offered() if one.name == source), ())
    trained = value("trained_on")
    return Chosen(
        name=value("name"),
        class_names=names,
        architecture=value("arch") or found.architecture,
        input_size=int(value("side") or found.input_size),
        mean=three_numbers("the mean", value("mean")) or found.mean,
        std=three_numbers("the deviation", value("std")) or found.std,
        cam_layer=value("layer"),
        trained_on="phantom" if trained == "phantom" else data_title(trained) if trained else "",
        licence=value("licence"),
    )
