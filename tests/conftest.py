"""Fixtures that more than one house's tests use."""

import signal

pytest_plugins = ["tests.support.fixtures"]
collect_ignore = ["projects"]  # their tests are run as their developer runs them

# A job that a script started in the background ignores Ctrl-C, and so would every process that the
# tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
