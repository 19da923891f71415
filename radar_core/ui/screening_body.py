"""The page Screening: an image, its verdict, what drove it, and what it cannot know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.errors import RadarError
from radar_core.experiments.words import attack_title
from radar_core.ui.address import Address
from radar_core.ui.compute import Upload, data_names, open_offered
from radar_core.ui.job_status import job_status
from radar_core.ui.jobs import BACKGROUND, device_jobs
from radar_core.ui.method_controls import KEPT
from radar_core.ui.polling import polled, visitor
from radar_core.ui.screening_jobs import Screened, make_steps, screen_steps
from radar_core.ui.screening_set import many
from radar_core.ui.text import data_title, plain, quiet, sentence
from radar_core.ui.upload_control import upload_control
from radar_core.verdict import certainty

if TYPE_CHECKING:
    from radar_core.uncover.screening import Driver

UPLOAD = "upload"
SLOT, MAKING, STOPPED = "screening", "screening.make", "screening.stopped"
WANTED = "screening.wanted"
ADDRESS = Address("screening")
LONGEST = 4096
SIDE = 166  # two beside each other on a telephone
# Never red and green: a shape and a colour of the theme for each.
ICONS = {
    "usual": ":material/check_circle:",
    "unusual": ":material/priority_high:",
    "cannot tell": ":material/help:",
}
# The picture that goes with a score: of the image, and of what it is held against.
PICTURES = {
    "squeezing": ("image", "median"),
    "noise_vote": ("image",),
    "cam_stability": ("image map", "median map"),
    "shap_stability": ("image evidence", "median evidence"),
    "dispersion": ("image evidence",),
}
LIMITS = (
    "It compares with clean images of one data set: another camera or another clinic may look "
    "unusual without any attack, and so may a picture of something else altogether.",
    "An attacker who knows this screening can make an image pass it.",
    "Unusual is not wrong, and usual is not right: a clean image can be read wrongly.",
    "It says nothing about a patient. Research software, not a medical device.",
)


def screening() -> None:
    """The whole page under its title."""
    from radar_core.detection.detector import place_of
    from radar_core.models.store import list_models

    models = {info.name: info.title for info in list_models()}
    if not models:
        st.info("There is no model yet: python -m radar_core train --help says how to make one.")
        return
    _read_link([*data_names(), UPLOAD], list(models))
    left, middle, right = st.columns([3, 3, 3], vertical_alignment="bottom")
    data = str(
        left.selectbox(
            "Data", [*data_names(), UPLOAD], key="screening.data", format_func=_title, **KEPT
        )
    )
    model = str(
        right.selectbox(
            "Model", list(models), key="screening.model", format_func=models.__getitem__, **KEPT
        )
    )
    with middle:
        image, upload = _image(data)
    ADDRESS.write(
        {"data": data, "model": model} | ({} if upload or not image else {"image": image})
    )
    for note in ADDRESS.said():
        st.warning(plain(sentence(note)), icon=":material/link_off:")
    if not place_of(model).is_file():
        _make(model, models[model])
        return
    if not image:
        return
    made = place_of(model).stat().st_mtime_ns
    key = f"screening/{data}/{image}/{model}/{made}"
    if st.session_state.get(STOPPED) == key:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            quiet("Stopped.")
            st.button(
                "Screen it", key="screening.again", type="tertiary", on_click=_again, args=(key,)
            )
        return
    steps = screen_steps(data, image, model, upload)
    about = upload.sha256 if upload else ""
    job = device_jobs().submit(key, steps, owner=visitor(), slot=SLOT, about=about)
    polled(lambda: _show(key), active=job.active)
    if upload is None:
        many(data, model, made)


def _read_link(names: list[str], models: list[str]) -> None:
    """Take over what the address names: `data`, `image` and `model`, as a case's link does."""
    given = {k: v for k, v in st.query_params.to_dict().items() if len(v) <= LONGEST}
    if not ADDRESS.asks(given):
        return
    ADDRESS.hush()
    for name, known in (("data", names), ("model", models)):
        if given.get(name, known[0]) not in known:
            ADDRESS.say(f"The link's {name} {given[name][:40]!r} is not here")
        elif name in given:
            st.session_state[f"screening.{name}"] = given[name]
    if "image" in given:
        st.session_state[WANTED] = given["image"]
    ADDRESS.taken()


def _again(key: str) -> None:
    device_jobs().forget(key)
    st.session_state.pop(STOPPED, None)


def _title(name: str) -> str:
    return "Upload one image" if name == UPLOAD else data_title(name)


def _image(data: str) -> tuple[str, Upload | None]:
    """The image chosen: an id, or an upload and its hash."""
    if data == UPLOAD:
        upload = upload_control()
        return (upload.sha256, upload) if upload else ("", None)
    try:
        ids = [entry.id for entry in open_offered(data).entries]
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return "", None
    wanted = st.session_state.pop(WANTED, None)
    if wanted is not None:
        if wanted in ids:
            st.session_state["screening.image"] = wanted
        else:
            ADDRESS.say(f"{wanted[:40]!r} is no image of {data_title(data)}")
    if st.session_state.get("screening.image") not in ids:
        st.session_state["screening.image"] = ids[0]
    return str(st.selectbox("Image", ids, key="screening.image", **KEPT)), None


def _make(model: str, title: str) -> None:
    """What screens this model's images has to be made once."""
    st.info(
        f"Nothing screens the images of {plain(title)} yet. It is made once, from clean images of "
        "the kind that the model was trained on: about 360 of them are looked at, some attacked.",
        icon=":material/info:",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        data = st.selectbox(
            "Made of", data_names(), key="screening.of", format_func=data_title, width=300, **KEPT
        )
        key = f"detector/{data}/{model}"
        if st.button("**Make it**", key="screening.go"):
            device_jobs().forget(key)
            device_jobs().submit(
                key,
                make_steps(data, model),
                owner=visitor(),
                slot=MAKING,
                priority=BACKGROUND,
                lasting=True,
            )
    job = device_jobs().get(key, visitor())
    if job is not None:
        polled(lambda: _status(key, MAKING), active=job.active)


def _status(key: str, slot: str) -> bool:
    """How far a job is, with a button that stops it."""

    def stop() -> None:
        device_jobs().release(visitor(), slot)
        st.session_state[STOPPED] = key

    return job_status(device_jobs().get(key, visitor()), key=f"{slot}.stop", stop=stop)


def _show(key: str) -> bool:
    active = _status(key, SLOT)
    job = device_jobs().get(key, visitor())
    if job is not None and job.value is not None:
        _result(cast(Screened, job.value))
    return active


def _result(shown: Screened) -> None:
    from radar_core.detection.detector import FALSE_ALARMS

    result = shown.result
    about = result.detector.about
    told = result.verdict != "cannot tell"  # what is known of clean images holds for their kind
    left, right = st.columns([2, 5], gap="large")
    with left:
        st.image(shown.pictures["image"], alt=f"{shown.name}, as the model sees it")
        label = f" · true class {plain(shown.label)}" if shown.label else ""
        quiet(f"{plain(shown.name)}{label}")
    with right:
        st.markdown(f"#### {ICONS[result.verdict]} {plain(result.sentence())}")
        with st.container(horizontal=True, gap="small"):
            _metric("Reads", plain(result.reading.label), certainty(result.reading.probability))
            _metric(
                "Suspicion",
                f"{result.percentile:.0f} %" if told else "–",
                "of clean are less so" if told else "not of this kind",
            )
            _metric(
                "False alarms",
                f"{FALSE_ALARMS:.0%}".replace("%", " %"),
                f"by {about['calibrated_on']} clean images",
            )
        if told and result.drivers:
            quiet("What raises the suspicion most:")
        for driver in result.drivers if told else ():
            _driver(driver, shown)
        if not told:
            quiet("Scores are held against clean images of another kind: they say nothing here.")
        elif not result.drivers:
            quiet("No score lies higher than in clean images.")
    _squeezed(shown)
    _nearest(shown)
    st.subheader("What this cannot know", anchor=False)
    st.markdown("\n".join(f"- {plain(said)}" for said in LIMITS))
    _figures(shown)


def _figures(shown: Screened) -> None:
    """How often screening is right and wrong, as far as it was measured."""
    if shown.figures is None:
        quiet(
            "How often it uncovers attacks was not measured for this detector: python -m "
            "radar_core detect --store does."
        )
        return
    found = shown.figures
    with st.expander("How often it is right, and wrong", icon=":material/monitoring:"):
        st.markdown(
            f"On {found['images']} test images of {plain(found['data'])}. An attack is tested with "
            "a combination of scores that has not seen it; attacked images that turned the "
            "reading, against clean and harmlessly changed ones. AUROC: 0.5 is chance."
        )
        st.table(
            [
                {
                    "Attack (images turned)": f"{_attack(row)} ({row['images']})",
                    "AUROC, 95 % interval": f"{row['auroc']:.3f} "
                    f"({row['auroc_low']:.2f} to {row['auroc_high']:.2f})",
                    "Called unusual": _share(row["caught"]),
                }
                for row in found["detection"]
                if row["detector"] == "combined" and row["auroc"] is not None
            ],
            border="horizontal",
            alt="How often attacked images are uncovered",
        )
        st.table(
            [
                {
                    "Harmless images": f"{plain(row['images_are'])} ({row['images']})",
                    "Called unusual": f"{_share(row['false_alarms'])} "
                    f"({_share(row['false_alarms_low'])} to {_share(row['false_alarms_high'])})",
                    "Cannot tell": _share(row["cannot_tell"]),
                }
                for row in found["false_alarms"]
            ],
            border="horizontal",
            alt="How often harmless images are called unusual",
        )


def _attack(row: Mapping[str, Any]) -> str:
    title = attack_title(row["attack"])
    return title if row["eps"] == "own" else f"{title}, ε {row['eps']}"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.0f} %"


def _metric(title: str, value: str, below: str) -> None:
    st.metric(title, value, below, delta_color="off", delta_arrow="off", width=210, border=True)


def _driver(driver: Driver, shown: Screened) -> None:
    with st.container(border=True, horizontal=True, gap="medium", vertical_alignment="center"):
        with st.container(width="stretch"):
            st.markdown(f"**{plain(driver.title)}**")
            st.markdown(plain(driver.said))
        names = [name for name in PICTURES.get(driver.id, ()) if name in shown.pictures]
        for name in names:
            st.image(shown.pictures[name], width=96, alt=f"{name} of {shown.name}")
        if not names and shown.nearest:
            id, label, picture = shown.nearest[0]
            st.image(picture, width=96, alt=f"The nearest clean image: {id}, {label}")


def _squeezed(shown: Screened) -> None:
    from radar_core.detection.views import TITLES

    st.subheader("When small changes are washed out", anchor=False)
    result = shown.result
    rows = [("image", "the image itself", result.reading)]
    rows += [(name, title, result.squeezed[title]) for name, title in TITLES.items()]
    with st.container(horizontal=True, gap="small"):
        for name, title, reading in rows:
            with st.container(width=SIDE + 2):
                picture = shown.pictures.get(f"{name} map", shown.pictures[name])
                st.image(picture, width=SIDE, alt=f"Grad-CAM on {title} of {shown.name}")
                st.markdown(
                    f"**{plain(reading.label)}** {certainty(reading.probability)}  \n"
                    f":small[:gray[{plain(title)}]]"
                )
    quiet("Grad-CAM of the class first read, each scaled by itself.")


def _nearest(shown: Screened) -> None:
    if not shown.nearest:
        return
    st.subheader("The clean images most like it", anchor=False)
    with st.container(horizontal=True, gap="small"):
        for id, label, picture in shown.nearest:
            with st.container(width=SIDE + 2):
                st.image(picture, width=SIDE, alt=f"{id}, {label}")
                st.markdown(f"**{plain(label)}**  \n:small[:gray[{plain(id)}]]")
    quiet("By the model's own features, among the images that screening was made of.")
