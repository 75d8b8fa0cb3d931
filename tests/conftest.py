"""Fixtures that more than one house's tests use."""

import signal

pytest_plugins = ["tests.support.fixtures"]
collect_ignore = ["projects"]  # their tests are run as their developer runs them

# A job that a script started in the background ignores Ctrl-C, and one under nohup the end of its
# terminal. So would every process that the tests start and then signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
