"""A quick reader of another data set: a stored model's features with a new last layer.

    python benchmarks/frozen_head.py --data PATH [--start phantom] --out FILE

Fits a class-balanced logistic regression (scikit-learn) on the penultimate features of the training
split, its strength chosen on the validation split, and writes the model with its figures on the
test split. In minutes it gives something to attack and explain; it is no model to rely on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler
from torch import nn

import radar_core as radar
from radar_core.evaluation import evaluate
from radar_core.models.store import save_model
from radar_core.models.zoo import architecture, build

BATCH = 32


def features(model: radar.Classifier, data: object, name: str) -> tuple[np.ndarray, list[str]]:
    """Penultimate features and labels of a split."""
    split = data.split(name)  # type: ignore[attr-defined]
    found, labels = [], []
    for start in range(0, len(split), BATCH):
        entries = split.entries[start : start + BATCH]
        images = torch.cat([model.prepare(split.case(entry).image) for entry in entries])
        found.append(model.features(images).cpu())
        labels += [entry.label for entry in entries]
        print(f"{name}: {len(labels)} of {len(split)}", file=sys.stderr, flush=True)
    return torch.cat(found).double().numpy(), labels


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--start", default="phantom")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    start = radar.load_model(arguments.start)
    data = radar.open_data(arguments.data)
    (x, y), (xv, yv) = (features(start, data, s) for s in ("train", "val"))
    scale = StandardScaler().fit(x)
    fits = [
        LogisticRegression(C=c, class_weight="balanced", max_iter=2000).fit(scale.transform(x), y)
        for c in (0.001, 0.01, 0.1, 1.0)
    ]
    best = max(fits, key=lambda f: balanced_accuracy_score(yv, f.predict(scale.transform(xv))))
    classes = [str(name) for name in best.classes_]
    module = build(start.card["architecture"], len(classes))
    known = start.module.state_dict()
    head = [n for n, m in module.named_modules() if isinstance(m, nn.Linear)][-1]
    weight = best.coef_ / scale.scale_
    known[f"{head}.weight"] = torch.from_numpy(weight).float()
    known[f"{head}.bias"] = torch.from_numpy(best.intercept_ - weight @ scale.mean_).float()
    module.load_state_dict(known)
    model = radar.Classifier(
        module.eval(),
        classes,
        mean=start.mean.flatten().tolist(),
        std=start.std.flatten().tolist(),
        cam_layer=architecture(start.card["architecture"]).cam_layer,
        input_size=start.input_size,
        name=arguments.out.stem,
    )
    figures = evaluate(model, data.split("test")).card()
    card = {
        "title": f"Frozen features, new head on {data.title}",
        "architecture": start.card["architecture"],
        "precision": "float32",
        "trained_on": data.name,
        "recipe": {"command": " ".join(["python", *sys.argv]), "C": best.C},
        "figures": {"test": figures},
    }
    save_model(model, arguments.out.with_suffix(".safetensors"), card)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
