"""`python -m decanter`."""

import sys

from decanter.cli import main

if __name__ == "__main__":
    sys.exit(main())
