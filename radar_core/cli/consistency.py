"""`consistency`: which explainer tells which attack from benign noise, over a data set."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from radar_core.cli.common import data_options, pairs, watched, writable


def add(commands: Any) -> None:
    """Enter the command."""
    study = commands.add_parser(
        "consistency", help="which explainer tells which attack from benign noise, over a data set"
    )
    data_options(study)
    study.add_argument("--attacks", default="fgsm,pgd,deepfool,cw", help="ids with commas")
    study.add_argument("--eps", default="1/255,4/255", help="values with commas")
    study.add_argument("--explainers", default="gradcam,shap,lime", help="ids with commas, or all")
    study.add_argument(
        "--explain-param",
        action="append",
        default=[],
        metavar="ID.NAME=VALUE",
        help="of an explainer",
    )
    study.add_argument("--images", type=int, default=32, help="how many, classes in turn")
    study.add_argument("--controls", type=int, default=4, help="benign controls an attacked image")
    study.add_argument("--seed", type=int, default=0)
    study.add_argument("--out", type=Path, required=True, help="folder; an earlier run goes on")
    study.add_argument("--json", action="store_true", help="print the summary as JSON")
    study.set_defaults(run=_consistency)


def _consistency(arguments: argparse.Namespace) -> int:
    from radar_core.consistency import StudySpec, run_study, summarise
    from radar_core.consistency.report import write_html
    from radar_core.data import open_data
    from radar_core.errors import CannotWrite
    from radar_core.explainers import EXPLAINERS
    from radar_core.models import load_model

    def listed(text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))

    every = arguments.explainers == "all"
    writable(arguments.out)
    model = load_model(arguments.model)
    spec = StudySpec(
        data=arguments.data,
        split=arguments.split,
        model=arguments.model,
        model_sha256=model.sha256(),
        attacks=listed(arguments.attacks),
        eps=listed(arguments.eps),
        explainers=tuple(EXPLAINERS) if every else listed(arguments.explainers),
        controls=arguments.controls,
        seed=arguments.seed,
        explainer_parameters=pairs(arguments.explain_param),
    )
    spec.runs()
    data = open_data(arguments.data, split=arguments.split)
    *_, study = run_study(
        spec, arguments.out, data=data, model=model, images=arguments.images, progress=watched()
    )
    summary = summarise(study.rows)
    command = shlex.join(["python", "-m", "radar_core", *sys.argv[1:]])
    try:
        study.rows.to_parquet(arguments.out / "rows.parquet", index=False)
        summary.to_parquet(arguments.out / "summary.parquet", index=False)
        page = write_html(study, summary, command)
        (arguments.out / "summary.html").write_text(page, "utf-8")
    except OSError as error:
        raise CannotWrite(f"{arguments.out} cannot be written to ({error.strerror})") from None
    if arguments.json:
        print(summary.to_json(orient="records", indent=2))
    else:
        print(_text(summary))
    print(f"wrote {arguments.out / 'summary.html'}", file=sys.stderr)
    return 0


def _text(summary: Any) -> str:
    if summary.empty:
        return "No attack turned a reading, so there is nothing to tell from noise."
    shown = summary[summary.metric == "topk_overlap"]
    columns = ["explainer", "attack", "eps", "images", "attacked", "control", "repeat", "auroc"]
    columns += ["auroc_low", "auroc_high", "paired", "tpr"]
    return "Top-k overlap\n" + str(shown[columns].round(3).to_string(index=False))
