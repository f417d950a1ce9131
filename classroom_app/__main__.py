"""`python -m classroom_app` is `pupitre`."""

import sys

from classroom_app.cli import main

sys.exit(main())
