"""`prepare`: compute a story ahead, so that it is shown without waiting."""

from __future__ import annotations

import argparse
from typing import Any

from radar_core.cli.common import watched


def add(commands: Any) -> None:
    """Enter the command."""
    prepare = commands.add_parser("prepare", help="compute a story ahead for the page Present")
    prepare.add_argument("story", help="a story's name, or a .toml file")
    prepare.set_defaults(run=_prepare)


def _prepare(arguments: argparse.Namespace) -> int:
    from radar_core.cli.common import writable
    from radar_core.story import prepare, read_story

    story = read_story(arguments.story)
    steps = prepare(story, watched())
    state = next(steps)
    new = len(state.missing)
    writable(state.files[0].parent)
    for _ in steps:
        pass
    said = f"{new} of {len(story.steps)} steps computed" if new else "was prepared already"
    print(f"{story.title}: {said}; show it on the page Present")
    return 0
