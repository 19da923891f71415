"""`dashboard`: open the dashboard."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Enter the command."""
    dashboard = commands.add_parser("dashboard", help="open the dashboard")
    dashboard.add_argument("--port", type=int, default=8501)
    dashboard.add_argument("--no-browser", action="store_true", help="only serve")
    dashboard.set_defaults(run=_dashboard)


def _dashboard(arguments: argparse.Namespace) -> int:
    from radar_core.launch import dashboard

    return dashboard(arguments.port, open_browser=not arguments.no_browser)
