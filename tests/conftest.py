"""Fixtures for the tests of several folders."""

import signal

pytest_plugins = ["tests.support.fixtures"]
collect_ignore = ["projects"]  # pytest runs their tests in separate projects

# A background job of a script ignores Ctrl-C, and a job under nohup ignores the end of its
# terminal. Without this, the processes that tests start and signal would do so too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
