"""Stories: cases in an order, each with a caption, computed ahead and shown without waiting."""

from radar_core.story.preparing import Prepared, packed, prepare, prepared
from radar_core.story.reading import Step, Story, read_story, spec_of, stories

__all__ = [
    "Prepared",
    "Step",
    "Story",
    "packed",
    "prepare",
    "prepared",
    "read_story",
    "spec_of",
    "stories",
]
