"""An evaluation in words and rows, for the command line, the page and the report alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from radar_core.evaluation.result import Estimate, Evaluation
from radar_core.models.matching import same_data
from radar_core.verdict import certainty

TITLES: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "ece": "Calibration error (ECE)",
    "mcc": "Matthews correlation",
}
# The columns of Table II of the RADAR-MIX paper.
TABLE = ("accuracy", "auc", "f1", "precision", "recall", "specificity")
NONE = "–"


def value_of(name: str, estimate: Estimate) -> str:
    """A figure's value: in per cent, never 100.0 or 0.0 unless it is; a dash if undefined.

    A correlation is no share: Matthews' is given as it is.
    """
    value = estimate.value
    if value is None:
        return NONE
    if name != "mcc" and 0.9995 <= value < 1:
        return "> 99.9"
    if name != "mcc" and 0 < value < 0.0005:
        return "< 0.1"
    return _number(name, value)


def interval_of(name: str, estimate: Estimate) -> str:
    """The ends of a figure's interval, empty where there is none."""
    if estimate.interval is None:
        return ""
    return " to ".join(_number(name, end) for end in estimate.interval)


def whole(name: str, estimate: Estimate) -> str:
    """Value and interval in one cell."""
    interval = interval_of(name, estimate)
    return value_of(name, estimate) + (f" ({interval})" if interval else "")


def _number(name: str, value: float) -> str:
    text = f"{value:.3f}" if name == "mcc" else f"{100 * value:.1f}"
    return text.replace("-", "−")


def table_row(found: Evaluation, titles: Mapping[str, str] | None = None) -> dict[str, str]:
    """The model's row of the paper's Table II, in per cent, each figure with its interval."""
    name = (titles or {}).get(found.model, found.model)
    return {"Model": name} | {TITLES[key]: whole(key, found.figures[key]) for key in TABLE}


def class_rows(found: Evaluation) -> list[dict[str, str]]:
    """A row a class: images, then its figures in per cent, each with its interval."""
    return [
        {"Class": label, "Images": f"{one.count:,}"}
        | {
            "Recall (sensitivity)" if key == "recall" else TITLES[key]: whole(key, estimate)
            for key, estimate in one.figures.items()
        }
        for label, one in found.per_class.items()
    ]


def basis(found: Evaluation) -> str:
    """What the figures rest on, in one or two sentences."""
    over = found.resampling
    drawn = f"{over.replicates:,} bootstrap replicates over {over.units:,} {over.over}"
    how = (
        f"{drawn} (images of one group are drawn together)"
        if over.over == "groups"
        else f"Wilson's for accuracy and the plain shares of a class, else {drawn}"
    )
    macro = len(found.present)
    return (
        f"{len(found):,} images of {data_title(found.data)}, {split_title(found.split)}. AUC, F1, "
        f"precision, recall and specificity are means over {macro} class{'es' * (macro != 1)}, "
        f"each against the rest. 95 % intervals: {how}."
    )


def surety(found: Evaluation) -> tuple[str, ...]:
    """How sure the model is, how often rightly, and how far that is more than chance."""
    low, middle, high = (found.confidence[name].value or 0.0 for name in ("p10", "p50", "p90"))
    said = [
        f"The median winning probability is {certainty(middle)}; in a tenth of the images it "
        f"is {certainty(low)} or less, in another {certainty(high)} or more.",
        f"Where it names a probability, it is off by {value_of('ece', found.figures['ece'])} "
        f"per cent on average (95 % interval {interval_of('ece', found.figures['ece'])}): the "
        "expected calibration error over 15 bins.",
    ]
    mcc = found.figures["mcc"]
    if mcc.value is not None:
        said.append(
            f"Matthews' correlation of true and read class is {whole('mcc', mcc)}; chance has 0, "
            "whatever the classes' sizes."
        )
    return tuple(said)


def cautions(found: Evaluation) -> tuple[str, ...]:
    """What has to be known before the figures are believed; each one sentence."""
    said = []
    data, split = data_title(found.data), found.split
    if found.trained_on is None:
        said.append(
            "The model's card does not say what it was trained on: it may have seen these images."
        )
    elif not same_data(found.trained_on, found.data):
        if found.trained_on == "phantom":
            said.append(
                f"The model was trained on the synthetic phantom, not on {data}: it has never "
                "seen a real photograph, and the figures are no measure of a model trained for "
                "these images."
            )
        else:
            said.append(
                f"The model was trained on {data_title(found.trained_on)}, not on {data}: the "
                "figures say how it carries over to other images."
            )
    elif split == "train":
        said.append("The model was trained on these very images: the figures flatter it.")
    elif split == "val":
        said.append(
            "The training chose its epoch on this split: the figures flatter the model a little."
        )
    elif split == "all":
        said.append(
            "These are all images of the data, those the model was trained on among them: the "
            "figures flatter it."
        )
    if found.absent:
        said.append(
            f"There is no image of {', '.join(found.absent)}: means go over the other classes."
        )
    if found.unreadable:
        first = found.unreadable[0]
        said.append(
            f"{_images(len(found.unreadable))} could not be read and "
            f"{'is' if len(found.unreadable) == 1 else 'are'} left out (first {first.name}: "
            f"{first.why})."
        )
    if found.unlabelled:
        one = found.unlabelled == 1
        said.append(
            f"{_images(found.unlabelled)} without a label {'is' if one else 'are'} left out."
        )
    return tuple(said)


def data_title(name: str) -> str:
    """A data set's name for people."""
    return "the phantom" if name == "phantom" else Path(name).name or name


def split_title(split: str) -> str:
    """A split's name for people."""
    return "all splits" if split == "all" else f"{split} split"


def predictions_csv(found: Evaluation) -> str:
    """One row an image: id, label, reading, then the probability of each class."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    read = found.predictions
    rows.writerow(["id", "label", "reading", *read.classes])
    for id, truth, best, p in zip(read.ids, read.truth, read.read, read.probabilities, strict=True):
        values = [f"{value:.6g}" for value in p]
        rows.writerow([_cell(id), read.classes[truth], read.classes[best], *values])
    return out.getvalue()


def _cell(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"
