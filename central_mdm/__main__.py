"""`python -m central_mdm` is `pupitre-mdm`."""

import sys

from central_mdm.cli import main

if __name__ == "__main__":
    sys.exit(main())
