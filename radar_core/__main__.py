"""`python -m radar_core`."""

import sys

from radar_core.cli import main

sys.exit(main())
