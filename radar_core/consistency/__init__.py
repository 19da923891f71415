"""A study of consistency: which explainer tells which attack from benign noise of the same size."""

from radar_core.consistency.run import Study, run_study
from radar_core.consistency.spec import StudySpec
from radar_core.consistency.summary import summarise

__all__ = ["Study", "StudySpec", "run_study", "summarise"]
