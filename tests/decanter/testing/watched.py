"""A separate pytest run whose connections are watched: those that pass the block are recorded.

The watch stops every connection that it records, so nothing leaves the machine in any case.
"""

import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

from tests.support.projects import clean_environment
from tests.support.pytests import run_pytest

# The documentation's example keys: they have the form of real ones.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

WATCH = """
import sys

LOOK_UPS = ("socket.getaddrinfo", "socket.gethostbyname")
USES = ("socket.connect", "socket.sendto", "socket.sendmsg")


def watch(event, arguments):
    if event not in (*LOOK_UPS, *USES):
        return
    address = arguments[0] if event in LOOK_UPS else arguments[1]
    host = address[0] if isinstance(address, tuple) else address
    if host not in (None, "127.0.0.1", "localhost"):
        with open("left.txt", "a") as left:
            print(host, file=left)
        raise OSError(f"{event} of {host} was stopped")


sys.addaudithook(watch)
import app
"""

APP = """
import boto3
from chalice import Chalice

app = Chalice(app_name="undeclared")
app.experimental_feature_flags.update(["WEBSOCKETS"])
EARLY = boto3.client("s3")
GAMES = boto3.resource("dynamodb").Table("games")


@app.on_ws_connect()
def connect(event):
    GAMES.put_item(Item={"id": event.connection_id})


@app.on_ws_message()
def message(event):
    pass
"""


class Watched:
    """A project whose app has a table without a declaration.

    Args:
        folder: an empty folder.
        configured: whether it has Chalice's configuration.
    """

    def __init__(self, folder: Path, *, configured: bool = True) -> None:
        self._folder = folder
        if configured:
            self.write(".chalice/config.json", '{"version": "2.0", "app_name": "undeclared"}')
        self.write("app.py", APP)
        self.write("conftest.py", WATCH)

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, tests: str, **variables: str) -> CompletedProcess[str]:
        """Run a module of tests with keys in the environment."""
        self.write("test_calls.py", tests)
        return run_pytest(self._folder, "-q", "--rootdir", ".", **(KEYS | variables))

    def script(self, source: str) -> CompletedProcess[str]:
        """Run a script of the project, without pytest."""
        return subprocess.run(
            [sys.executable, "-c", source],
            cwd=self._folder,
            env=clean_environment() | KEYS,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def left(self) -> list[str]:
        """Return the hosts of all started connections, except this machine."""
        path = self._folder / "left.txt"
        return path.read_text().split() if path.exists() else []
