"""The Python interface: attack images, explain them, compare two explanations."""

from radar_core.api.attacking import attack, attack_grid
from radar_core.api.comparing import compare
from radar_core.api.explaining import explain
from radar_core.api.fitting import fit
from radar_core.api.flipping import smallest_flip
from radar_core.api.saving import after_saving

__all__ = [
    "after_saving",
    "attack",
    "attack_grid",
    "compare",
    "explain",
    "fit",
    "smallest_flip",
]
