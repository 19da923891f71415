"""What a training is made of: warm-up, weights, rate, squares, augmentation, state."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from radar_core.errors import BadData, BadModel, CannotWrite, MissingWeights
from radar_core.models import Classifier
from radar_core.models.zoo import build
from radar_core.runtime import Progress
from radar_core.training.augment import augment
from radar_core.training.checkpoint import State, load_state
from radar_core.training.fit import read_logits, warm_up
from radar_core.training.judging import class_weights, fit_temperature, score
from radar_core.training.recipe import AUGMENTS
from radar_core.training.squares import Squares
from radar_core.training.start import Start, find_start, started
from radar_core.types import Entry
from radar_core.writing import write_whole
from tests.training.halves import ARCH, Halves


@pytest.fixture
def squares():
    """Squares of a data set; closed at the end."""
    made = []

    def make(data, **more) -> Squares:
        made.append(Squares(data, Halves.class_names, 64, Progress(), **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_squares_are_the_prepared_images(squares, tmp_path):
    data = Halves(("train",))
    made = squares(data, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []  # nobody else sees the file
    fit = Classifier(torch.nn.Identity(), "ab", cam_layer=None, input_size=64).prepare
    read = made.read([5, 0])
    assert read.shape == (2, 3, 64, 64)
    for got, index in zip(read, (5, 0), strict=True):
        expected = (fit(data[index].image)[0] * 255).round().to(torch.uint8)
        assert torch.equal(got, expected)
    assert made.labels.tolist() == [i % 2 for i in range(8)]
    assert torch.equal(torch.cat(list(made.batches(3))), made.read(range(8)))


def test_a_class_that_the_model_does_not_know_is_named(squares):
    data = Halves(entries=(Entry("a", "upper", "train", "1"), Entry("b", "side", "train", "1")))
    with pytest.raises(BadData, match="has the class side, which the model does not know"):
        squares(data)


@pytest.mark.parametrize("kind", AUGMENTS)
def test_augmented_images_keep_shape_and_range_and_repeat(kind):
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 3, 40, 40), generator=chance, dtype=torch.uint8)
    out = augment(images, kind, 0.1, torch.Generator().manual_seed(1))
    again = augment(images, kind, 0.1, torch.Generator().manual_seed(1))
    assert out.shape == images.shape
    assert 0 <= float(out.min()) <= float(out.max()) <= 1
    assert torch.equal(out, again)
    other = augment(images, kind, 0.1, torch.Generator().manual_seed(2))
    assert torch.equal(out, other) == (kind == "none")


def test_turned_by_any_angle_or_by_a_little():
    """Where a bright spot right of the centre goes."""
    spot = torch.zeros((400, 3, 65, 65), dtype=torch.uint8)
    spot[:, :, 30:35, 46:51] = 255
    axis = torch.arange(65.0) - 32
    for kind, low, high in (("any way up", 0.4, 0.6), ("upright", 0.0, 0.02)):
        out = augment(spot, kind, 0.0, torch.Generator().manual_seed(0)).mean(1)
        total = out.sum((1, 2))
        x = (out.sum(1) * axis).sum(1) / total
        y = (out.sum(2) * axis).sum(1) / total
        steep = (y.abs() > x.abs()).float().mean()
        assert low <= float(steep) <= high
        assert 0.4 < float((x > 0).float().mean()) < 0.6  # mirrored or turned, half of them


def test_class_weights_are_scikit_learns():
    labels = torch.tensor([0] * 10 + [1] * 5 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    assert torch.allclose(class_weights(labels, 3).double(), torch.from_numpy(expected))


def test_temperature_undoes_overconfidence_and_the_score_does_not_see_it():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((4000, 5), generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.08)
    fitted = fit_temperature(3 * logits, labels)
    assert F.cross_entropy(3 * logits / fitted, labels) < F.cross_entropy(3 * logits, labels)
    same = score(logits, labels, False)
    assert score(3 * logits, labels, False) == pytest.approx(same, rel=1e-4)
    assert score(torch.zeros_like(logits), labels, True) == pytest.approx(np.log(5), rel=1e-4)


def test_the_warm_up_only_changes_the_last_layer_and_learns(squares):
    torch.manual_seed(0)
    model = Classifier(build(ARCH, 2), Halves.class_names, input_size=64)
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    data = Halves(("train", "val"), each=32)
    train, val = squares(data.split("train")), squares(data.split("val"))
    row = warm_up(model, train, val, True, Progress())
    changed = {k for k, v in model.module.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"classifier.3.weight", "classifier.3.bias"}
    with model.held():
        logits = read_logits(model, val)
    right = float((logits.argmax(1) == val.labels).float().mean())
    assert row["val_accuracy"] == pytest.approx(right)
    assert row["val_score"] == pytest.approx(score(logits, val.labels, True), rel=1e-3)


def test_a_start_keeps_all_but_a_head_for_other_classes():
    weights = build(ARCH, 5, seed=3).state_dict()
    module = started(ARCH, 2, Start(weights, "those"), seed=4)
    own = module.state_dict()
    assert torch.equal(own["features.0.0.weight"], weights["features.0.0.weight"])
    assert own["classifier.3.weight"].shape == (2, 1024)
    with pytest.raises(BadModel, match="are not those of resnet18"):
        started("resnet18", 2, Start(weights, "those"), seed=4)


def test_files_to_start_from(tmp_path):
    module = build(ARCH, 5, seed=3)
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": module.state_dict()}, file)
    found = find_start(ARCH, str(file))
    assert torch.equal(found.weights["features.0.0.weight"], module.features[0][0].weight)
    with pytest.raises(MissingWeights, match="no weights file"):
        find_start(ARCH, str(tmp_path / "none.pth"))
    assert find_start(ARCH, "none").weights is None


def test_a_file_that_runs_code_is_refused_and_does_not_run(tmp_path):
    ran = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return (ran.write_text, ("ran",))

    file = tmp_path / "evil.pth"
    torch.save({"state_dict": Payload()}, file)
    with pytest.raises(BadModel, match="more than weights"):
        find_start(ARCH, str(file))
    assert not ran.exists()


def test_no_network_is_a_sentence(monkeypatch):
    from urllib.error import URLError

    def refuse(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setattr("torch.hub.get_dir", lambda: "/nonexistent-hub")
    monkeypatch.setattr("os.makedirs", lambda *_, **__: None)
    with pytest.raises(MissingWeights, match=r"cannot be fetched .*--pretrained none"):
        find_start("resnet18", "auto")


def test_a_state_comes_back_as_it_was_written(tmp_path):
    state = State({"a": [1]}, 3, [{"epoch": 1.0}], 0.8, 0.5, 2)
    state.put("module", {"w": torch.arange(6.0).reshape(2, 3).T, "n": torch.tensor(4)})
    state.save(tmp_path)
    found = load_state(tmp_path)
    assert (found.spec, found.epoch, found.history) == ({"a": [1]}, 3, [{"epoch": 1.0}])
    assert (found.best_rate, found.best_score, found.best_epoch) == (0.8, 0.5, 2)
    assert torch.equal(found.group("module")["w"], torch.arange(6.0).reshape(2, 3).T)
    assert load_state(tmp_path / "nowhere") is None


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "state"
    write_whole(file, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotWrite, match="No space left"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_the_best_reads_most_classes_right_and_between_equals_more_surely():
    state = State({})
    assert state.improved(0.5, 1.0)
    assert not state.improved(0.5, 1.0)
    assert state.improved(0.5, 0.9)
    assert not state.improved(0.4, 0.1)
    assert state.improved(0.6, 3.0)
