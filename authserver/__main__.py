"""`python -m authserver` is `leviathan-auth`."""

import sys

from authserver.cli import main

sys.exit(main())
