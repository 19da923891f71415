"""How well a classifier reads a labelled set: figures with intervals, curves, what was skipped."""

from radar_core.evaluation.result import ClassFigures, Estimate, Evaluation
from radar_core.evaluation.run import evaluate, evaluating

__all__ = ["ClassFigures", "Estimate", "Evaluation", "evaluate", "evaluating"]
