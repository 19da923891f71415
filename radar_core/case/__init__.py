"""One case: an image, a model, an attack, and what it does to reading and explanations."""

from radar_core.case.curve import CurveResult, run_curve
from radar_core.case.defending import Defended, run_defences
from radar_core.case.floor import FloorResult, run_floor
from radar_core.case.result import CaseResult, finite, tensor_sha256
from radar_core.case.run import run_case
from radar_core.case.spec import TARGETS, CaseSpec, Target, check_spec

__all__ = [
    "TARGETS",
    "CaseResult",
    "CaseSpec",
    "CurveResult",
    "Defended",
    "FloorResult",
    "Target",
    "check_spec",
    "finite",
    "run_case",
    "run_curve",
    "run_defences",
    "run_floor",
    "tensor_sha256",
]
