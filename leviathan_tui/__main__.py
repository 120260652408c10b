"""`python -m leviathan_tui` is the same as `leviathan`."""

import sys

from leviathan_tui.cli.main import main

sys.exit(main())
