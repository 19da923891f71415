"""Experiments: a whole grid of models, attacks, ε and explainers over many images, resumable."""

from radar_core.experiments.spec import ExperimentSpec

__all__ = ["ExperimentSpec"]
