"""The Python interface: attack images, explain them, compare two explanations, localise one."""

from radar_core.api.attacking import attack, attack_grid
from radar_core.api.comparing import compare
from radar_core.api.controls import benign_controls
from radar_core.api.explaining import explain
from radar_core.api.fitting import fit
from radar_core.api.flipping import smallest_flip
from radar_core.api.localising import localise
from radar_core.api.saving import after_saving

__all__ = [
    "after_saving",
    "attack",
    "attack_grid",
    "benign_controls",
    "compare",
    "explain",
    "fit",
    "localise",
    "smallest_flip",
]
