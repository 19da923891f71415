"""RADAR's own procedural dermoscopy phantom: seven classes of skin lesion drawn from optics.

The classes bear HAM10000's names. A case is a pure function of the data set's seed, its index and
the picture size; see `render`.
"""

from radar_core.data.phantom.recipes import CLASSES
from radar_core.data.phantom.render import Rendering, label_of, render

__all__ = ["CLASSES", "Rendering", "label_of", "render"]
