"""A survey of a data set: what a model reads in every image, and what a cheap attack does to it."""

from radar_core.survey.run import SurveySettings, run_survey
from radar_core.survey.store import SurveyStore
from radar_core.survey.table import FLIPS, ORDERS, Figures, Query, figures, select, to_csv
from radar_core.survey.types import Effect, Row, Survey

__all__ = [
    "FLIPS",
    "ORDERS",
    "Effect",
    "Figures",
    "Query",
    "Row",
    "Survey",
    "SurveySettings",
    "SurveyStore",
    "figures",
    "run_survey",
    "select",
    "to_csv",
]
