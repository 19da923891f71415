"""A reader study: pairs by seed, answers that are not lost, accuracy and agreement."""

from __future__ import annotations

import io
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from radar_core.data.synthetic import PhantomData
from radar_core.errors import BadParameter, RadarError
from radar_core.models.classifier import Classifier
from radar_core.readers import (
    Answer,
    PairPlan,
    Pairs,
    add_answer,
    agreement,
    answers,
    as_csv,
    as_file,
    check_code,
    cohen_kappa,
    fleiss_kappa,
    from_file,
    log_file,
    prepare_pairs,
    results,
)
from radar_core.readers.pairs import Side
from tests import toys

PLAN = PairPlan(attack="fgsm", eps="8/255", pairs=9, seed=4)


@pytest.fixture(scope="module")
def data() -> PhantomData:
    return PhantomData("test", side=64)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return toys.decided()


@pytest.fixture(scope="module")
def made(data: PhantomData, model: Classifier) -> Pairs:
    *_, last = prepare_pairs(PLAN, data, model)
    return last


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RADAR_READERS", str(tmp_path))
    return tmp_path


def pixels(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw))).astype(int)


def test_one_picture_of_each_pair_is_the_image_and_the_other_its_attacked_twin(
    made: Pairs, data: PhantomData, model: Classifier
) -> None:
    assert [pair.number for pair in made.pairs] == list(range(1, 10))
    for pair in made.pairs:
        clean = model.prepare(data.case(data.find(pair.image)).image)[0].numpy()
        own = np.rint(clean.transpose(1, 2, 0) * 255)
        left, right = pixels(pair.left), pixels(pair.right)
        first, second = (right, left) if pair.attacked == "left" else (left, right)
        np.testing.assert_array_equal(first, own)
        assert 0 < abs(second - own).max() <= 8


def test_sides_are_even_and_classes_come_in_turn(made: Pairs, data: PhantomData) -> None:
    sides = Counter(pair.attacked for pair in made.pairs)
    assert sorted(sides.values()) == [4, 5]
    assert len({data.find(pair.image).label for pair in made.pairs}) == 7
    assert len({pair.image for pair in made.pairs}) == 9


def test_a_plan_gives_the_same_pairs_and_another_seed_others(
    made: Pairs, data: PhantomData, model: Classifier
) -> None:
    *_, again = prepare_pairs(PLAN, data, model)
    assert [(p.image, p.attacked, p.left) for p in again.pairs] == [
        (p.image, p.attacked, p.left) for p in made.pairs
    ]
    *_, other = prepare_pairs(replace(PLAN, seed=5), data, model)
    assert [p.image for p in other.pairs] != [p.image for p in made.pairs]
    assert PLAN.key() != replace(PLAN, seed=5).key()


@pytest.mark.parametrize(
    "changes", [{"pairs": 0}, {"pairs": 201}, {"seed": -1}, {"attack": "magic"}, {"eps": "abc"}]
)
def test_a_plan_that_cannot_be_is_refused(
    data: PhantomData, model: Classifier, changes: dict[str, object]
) -> None:
    with pytest.raises(RadarError):
        list(prepare_pairs(replace(PLAN, **changes), data, model))


def test_a_plan_travels_as_a_file() -> None:
    assert from_file(as_file(PLAN)) == PLAN
    assert from_file(b'{"seed": 4}') == PairPlan(seed=4)
    for raw in (
        b"",
        b"\xff",
        b"[]",
        b'{"more": 1}',
        b'{"pairs": "3"}',
        b'{"pairs": 0}',
        b"[" * 9**5,
    ):
        with pytest.raises(BadParameter):
            from_file(raw)


def test_answers_are_kept_at_once_and_each_pair_once(made: Pairs) -> None:
    for pair in made.pairs[:3]:
        add_answer(PLAN, pair, "ann", "left", "2026-11-28T09:00:00+00:00", 2.345)
    add_answer(PLAN, made.pairs[0], "ann", "right", "2026-11-28T09:01:00+00:00", 1)
    add_answer(PLAN, made.pairs[0], "bob", "right", "2026-11-28T09:02:00+00:00", 1)
    given = answers(PLAN)
    assert [(a.reader, a.number, a.said) for a in given] == [
        ("ann", 1, "left"),
        ("ann", 2, "left"),
        ("ann", 3, "left"),
        ("bob", 1, "right"),
    ]
    assert given[0].seconds == 2.35
    assert given[0].right is (made.pairs[0].attacked == "left")
    assert as_csv(given) == log_file(PLAN).read_text(encoding="utf-8")
    assert answers(replace(PLAN, seed=9)) == []


def test_answers_of_many_at_once_do_not_mix(made: Pairs) -> None:
    def read(reader: int) -> None:
        for pair in made.pairs:
            add_answer(PLAN, pair, f"r{reader}", "left", "2026-11-28T09:00:00+00:00", 1)

    add_answer(PLAN, made.pairs[0], "first", "left", "2026-11-28T09:00:00+00:00", 1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))
    assert Counter(a.reader for a in answers(PLAN)) == {f"r{i}": 9 for i in range(8)} | {"first": 1}


def test_a_line_that_was_cut_off_is_left_out(made: Pairs) -> None:
    for pair in made.pairs[:2]:
        add_answer(PLAN, pair, "ann", "left", "2026-11-28T09:00:00+00:00", 1)
    whole = log_file(PLAN).read_text(encoding="utf-8")
    bad = ("2026,ann,3", "x,ann,4,i,up,True,left,1,", "x,ann,five,i,left,True,left,1,")
    for cut in (*bad, "x,ann,3,i,left,True,left,1,perhaps"):
        log_file(PLAN).write_text(f"{whole}{cut}\n", encoding="utf-8")
        assert [a.number for a in answers(PLAN)] == [1, 2]
    log_file(PLAN).write_text(f"{whole}2026,ann,3,i,le", encoding="utf-8")  # the power went
    add_answer(PLAN, made.pairs[2], "ann", "left", "2026-11-28T09:00:00+00:00", 1)
    assert [a.number for a in answers(PLAN)] == [1, 2, 3], "the line after it is not lost"


def test_how_sure_a_reader_is_is_kept_and_need_not_be_said(made: Pairs) -> None:
    add_answer(PLAN, made.pairs[0], "ann", "left", "2026-11-28T09:00:00+00:00", 1, "certain")
    add_answer(PLAN, made.pairs[1], "ann", "left", "2026-11-28T09:00:00+00:00", 1)
    assert [a.sure for a in answers(PLAN)] == ["certain", ""]
    with pytest.raises(BadParameter, match="how sure"):
        add_answer(PLAN, made.pairs[2], "ann", "left", "", 1, "very")


def test_a_log_without_how_sure_is_read_and_gone_on_with(made: Pairs) -> None:
    add_answer(PLAN, made.pairs[0], "ann", "left", "2026-11-28T09:00:00+00:00", 1)
    older = log_file(PLAN).read_text(encoding="utf-8").replace(",sure\n", "\n").replace(",\n", "\n")
    assert "sure" not in older
    log_file(PLAN).write_text(older, encoding="utf-8")
    assert [a.number for a in answers(PLAN)] == [1]
    add_answer(PLAN, made.pairs[1], "ann", "right", "2026-11-28T09:00:00+00:00", 1, "guessed")
    assert [(a.number, a.said, a.sure) for a in answers(PLAN)] == [
        (1, "left", ""),
        (2, "right", "guessed"),
    ]


def test_the_same_answer_from_two_tabs_at_once_is_one(made: Pairs) -> None:
    def say(number: int) -> None:
        side: Side = ("left", "right")[number % 2]
        add_answer(PLAN, made.pairs[0], "ann", side, "2026-11-28T09:00:00+00:00", 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(8)))
    assert len(answers(PLAN)) == 1
    assert log_file(PLAN).read_text(encoding="utf-8").count("\n") == 2


@pytest.mark.parametrize("code", ["", "a b", "../x", "a" * 33, "=1+1", "ä"])
def test_a_code_that_cannot_be_is_refused(code: str, made: Pairs) -> None:
    with pytest.raises(BadParameter):
        check_code(code)
    with pytest.raises(BadParameter):
        add_answer(PLAN, made.pairs[0], code, "left", "", 1)


def answer(reader: str, number: int, said: str, attacked: str = "left") -> Answer:
    return Answer("", reader, number, "i", attacked, True, said, 2.0)  # type: ignore[arg-type]


def test_accuracy_has_wilsons_interval() -> None:
    given = [answer("ann", n, "left" if n <= 8 else "right") for n in range(1, 11)]
    (found,) = results(given)
    assert (found.answered, found.right, found.accuracy) == (10, 8, 0.8)
    z, p, n = 1.959964, 0.8, 10  # Wilson 1927, by hand
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_kappas_are_those_of_torchmetrics() -> None:
    nominal = pytest.importorskip("torchmetrics.functional.nominal")
    classification = pytest.importorskip("torchmetrics.functional.classification")
    draw = np.random.default_rng(3)
    two = draw.integers(0, 2, (2, 40))
    two[1, :25] = two[0, :25]
    names = [["left" if v else "right" for v in row] for row in two]
    expected = classification.binary_cohen_kappa(torch.tensor(two[0]), torch.tensor(two[1]))
    assert cohen_kappa(*names) == pytest.approx(float(expected), abs=1e-6)
    said = draw.integers(0, 2, (30, 5))
    counts = np.stack([(said == k).sum(1) for k in (0, 1)], 1)
    expected = nominal.fleiss_kappa(torch.tensor(counts), mode="counts")
    assert fleiss_kappa(counts.tolist()) == pytest.approx(float(expected), abs=1e-6)


def test_agreement_is_of_the_pairs_that_all_answered() -> None:
    one = [answer("ann", n, "left") for n in (1, 2, 3)]
    assert agreement(one)[0] == ""
    two = [answer("bob", n, said) for n, said in ((1, "left"), (2, "right"))]
    name, kappa, pairs = agreement([*one, *two])
    assert (name, pairs) == ("Cohen's κ", 2)
    assert kappa == pytest.approx(0.0)
    three = [answer("cat", n, "left") for n in (1, 2)]
    assert agreement([*one, *two, *three])[0] == "Fleiss' κ"
    alike = [answer(r, n, "left") for r in ("ann", "bob") for n in (1, 2)]
    assert math.isnan(agreement(alike)[1])
    assert math.isnan(cohen_kappa([], []))
    assert math.isnan(fleiss_kappa([]))
    with pytest.raises(ValueError, match="two or more"):
        fleiss_kappa([[1, 0]])
