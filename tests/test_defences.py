"""Every registered defence, and what they say of a case."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import median_filter

from radar_core.case import CaseSpec, run_case, run_defences
from radar_core.case.defending import said
from radar_core.cli import main
from radar_core.data import open_data
from radar_core.defences import DEFENCES
from radar_core.errors import Cancelled
from radar_core.runtime import Progress, generator
from tests import toys

SPEC = CaseSpec(data="phantom", image="0", model="toy", attack="fgsm", eps="16/255", explainers=())


@pytest.fixture(scope="module")
def model():
    return toys.decided()


@pytest.fixture(scope="module")
def case(model):
    *_, found = run_case(SPEC, data=open_data("phantom").split("test"), model=model)
    return found


@pytest.mark.parametrize("name", list(DEFENCES))
def test_a_defence_gives_images_that_do_not_depend_on_their_company(name):
    images = toys.images(3)
    views = DEFENCES.create(name).views(images, generator(1, "test"))
    assert views.shape[1:] == images.shape and views.dtype == torch.float32
    assert views.min() >= 0 and views.max() <= 1
    alone = DEFENCES.create(name).views(images[1:2], generator(1, "test"))
    torch.testing.assert_close(views[:, 1:2], alone)
    assert not torch.equal(views, images.expand_as(views)), "it does something"


def test_they_are_what_the_libraries_do():
    images = toys.images(1, side=24)
    pixels = (images[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75)
    (jpeg,) = DEFENCES.create("jpeg").views(images, generator(0, "test"))
    read = np.asarray(Image.open(buffer)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(jpeg[0], read, atol=1e-6)
    (median,) = DEFENCES.create("median").views(images, generator(0, "test"))
    for channel, expected in zip(median[0].numpy(), images[0].numpy(), strict=True):
        np.testing.assert_array_equal(channel, median_filter(expected, 3, mode="mirror"))
    (bits,) = DEFENCES.create("bits", bits=1).views(images, generator(0, "test"))
    np.testing.assert_array_equal(bits, np.round(images.numpy()))
    turned = DEFENCES.create("turns").views(images, generator(0, "test"))[:, 0].numpy()
    whole = [np.rot90(m, k, (1, 2)) for m in (images[0].numpy(), images[0].numpy()[:, :, ::-1])
             for k in range(4)]  # fmt: skip
    assert all(any(np.array_equal(one, other) for other in turned) for one in whole)
    assert len({one.tobytes() for one in turned}) == 8


def test_a_case_is_read_behind_every_defence(case, model):
    stages = list(run_defences(case, model))
    assert [len(stage) for stage in stages] == list(range(1, len(DEFENCES) + 1))
    assert [one.title for one in stages[-1]] == [DEFENCES[name].title for name in DEFENCES]
    assert [one.passes for one in stages[-1]] == [1, 1, 1, 1, 8, 8]
    attacked = case.attack.images
    (median,) = DEFENCES.create("median").views(attacked, generator(0, "test"))
    assert stages[-1][1].attacked.label == model.read(median)[0].label
    assert stages[-1] == list(run_defences(case, model))[-1], "the same twice"
    json.dumps([one.as_dict() for one in stages[-1]], allow_nan=False)


def outcome(case, clean, attacked, before, after):
    """What is said where these are read."""
    from radar_core.case.defending import _defended
    from radar_core.types import Reading

    def read(label):
        return Reading(label, 1.0, {label: 1.0})

    attack = replace(case.attack, readings_attacked=(read(after),))
    given = replace(case, clean_reading=read(before), attack=attack)
    return _defended(given, "Sieve", read(clean), read(attacked), 1)


def test_what_stops_an_attack_and_what_does_not(case):
    stops = outcome(case, "nv", "nv", before="nv", after="mel")
    assert stops.outcome == "stops it"
    assert outcome(case, "nv", "mel", "nv", "mel").outcome == "does not stop it"
    assert outcome(case, "nv", "bcc", "nv", "mel").outcome == "does not stop it"
    assert outcome(case, "bcc", "nv", "nv", "mel").outcome == "disturbs the clean image"
    nothing = outcome(case, "nv", "nv", "nv", "nv")
    assert nothing.outcome == "stops nothing"
    assert "who does not know" in said([stops]) and said([stops]).startswith("Sieve would have")
    assert "nothing to stop" in said([nothing])
    assert said([outcome(case, "nv", "mel", "nv", "mel")]).startswith("None of these")


def test_a_hardened_model_reads_in_the_place_of_the_case_s(case, model):
    other = toys.decided(seed=5)
    other.name = "sturdy"
    *_, found = run_defences(case, model, hardened=[other])
    assert found[-1].title == "sturdy" and len(found) == len(DEFENCES) + 1
    assert found[-1].clean.label == other.read(other.prepare(case.clean))[0].label


def test_models_of_other_classes_or_not_hardened_are_not_offered():
    from types import SimpleNamespace as Info

    from radar_core.models.matching import hardened_of

    def info(name, classes="ab", **card):
        return Info(name=name, card={"class_names": list(classes), **card})

    hard = {"recipe": {"adversarial": 2.0}}
    infos = [info("own"), info("sturdy", **hard), info("plain"), info("other", "xyz", **hard)]
    assert hardened_of("own", infos) == ["sturdy"]
    assert hardened_of("sturdy", infos) == [] == hardened_of("none", infos)


def test_it_can_be_stopped(case, model):
    progress = Progress()

    def stop(fraction, note=""):
        raise Cancelled("cancelled")

    progress.step = stop
    with pytest.raises(Cancelled):
        list(run_defences(case, model, progress=progress))


def test_the_command(decided, capsys):
    words = ["defend", "--model", decided, "--image", "3", "--attack", "fgsm", "--eps", "8/255"]
    assert main([*words, "--explain", "none", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["defences"]) == len(DEFENCES)
    assert {one["outcome"] for one in found["defences"]} <= {
        "stops it", "does not stop it", "stops nothing", "disturbs the clean image"
    }  # fmt: skip
    assert main([*words, "--explain", "none"]) == 0
    told = capsys.readouterr().out
    assert "Median filter: clean " in told and "not a medical device" in told


def test_the_spec_s_command_is_the_case_s():
    assert SPEC.defend_command().startswith("python -m radar_core defend --data phantom --image 0")
