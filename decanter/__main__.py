"""`python -m decanter`."""

import sys

if __name__ == "__main__":
    try:
        from decanter.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while the command line itself was being loaded
        sys.exit(130)
