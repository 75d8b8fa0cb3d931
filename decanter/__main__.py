"""The entry point of `python -m decanter`."""

import sys

if __name__ == "__main__":
    # pip checks the Python version when it installs Decanter. A checkout runs without pip.
    if sys.version_info < (3, 11):  # noqa: UP036
        message = "Decanter needs Python 3.11 or newer, as in `make run PYTHON=python3.13`"
        print(f"decanter: error: {message}", file=sys.stderr)
        sys.exit(2)
    try:
        from decanter.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while the command line loads
        sys.exit(130)
