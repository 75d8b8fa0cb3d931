"""The other end of the measurements: compiles, starts and queries `target.c`."""

import hashlib
import http.client
import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "bench"
KEYS = ("AKIDEXAMPLE123456789", "secret/key+of/the/benchmarks+0123456789", "token+" * 150)
"""Access key, secret, and a session token as long as Lambda's, about 900 characters."""


class Target:
    """A running target.

    Attributes:
        port: its port on loopback.
        authorities: the file of the certificate authorities that clients trust; None without TLS.
    """

    def __init__(self, port: int, authorities: Path | None) -> None:
        self.port = port
        self.authorities = authorities

    @property
    def origin(self) -> str:
        """The target's URL: scheme, host and port."""
        return f"{'https' if self.authorities else 'http'}://localhost:{self.port}"

    def control(self, **values: int) -> None:
        """Set latency, rows and faults, and reset the counters."""
        query = "&".join(f"{name}={value}" for name, value in values.items())
        self._ask(f"/control?{query}")

    def stats(self) -> dict[str, int]:
        """Return the counters."""
        counted: dict[str, int] = json.loads(self._ask("/stats"))
        return counted

    def ids(self) -> dict[str, tuple[int, int, int, int]]:
        """Return counters for each id, and its last status.

        The counters are the posts received, accepted, and accepted without an answer.
        """
        lines = (line.split() for line in self._ask("/ids").decode().splitlines())
        return {line[0]: (int(line[1]), int(line[2]), int(line[3]), int(line[4])) for line in lines}

    def wrong_signatures(self) -> tuple[int, int]:
        """Return the number of sampled requests, and how many of them have a wrong signature."""
        data, checked, wrong = self._ask("/sample"), 0, 0
        while data:
            length, _, data = data.partition(b"\n")
            request, data = data[: int(length)], data[int(length) :]
            checked += 1
            wrong += not _signed_rightly(request)
        return checked, wrong

    def _ask(self, path: str) -> bytes:
        connection: http.client.HTTPConnection
        if self.authorities:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = (
                False,
                ssl.CERT_NONE,
            )  # the target is our own
            connection = http.client.HTTPSConnection("localhost", self.port, context=context)
        else:
            connection = http.client.HTTPConnection("localhost", self.port)
        connection.request("GET", path)
        answer = connection.getresponse().read()
        connection.close()
        return answer


@contextmanager
def run_target(
    cpu: int, certificate: Sequence[Path] = (), authorities: Path | None = None
) -> Iterator[Target]:
    """Run a target on one processor.

    Args:
        cpu: the processor.
        certificate: the files of its certificate and key, for TLS.
        authorities: a file with this certificate and the authorities that a client usually trusts.
    """
    command = ["taskset", "-c", str(cpu), str(build()), *map(str, certificate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Target(int(process.stdout.readline()), authorities)
        finally:
            process.kill()


def build() -> Path:
    """Return the compiled target; compile it first if its source is new or has changed."""
    source = HERE / "target.c"
    program = BUILD / f"target-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    compiler = shutil.which("cc")
    if program.exists():
        return program
    if compiler is None:
        sys.exit("bench: no C compiler: install gcc and libssl-dev (Debian's names)")
    BUILD.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-O2", "-o", str(program), str(source), "-lssl", "-lcrypto"]
    if subprocess.run(command, check=False).returncode:
        sys.exit("bench: target.c does not compile: install libssl-dev (Debian's name)")
    return program


def _signed_rightly(request: bytes) -> bool:
    """Return True if botocore computes the same signature for the request."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    method, path, _ = line.split(" ")
    fields = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    signature = fields.get("authorization", "")
    names = signature.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    _, _, region, *_ = signature.partition("Credential=")[2].partition(",")[0].split("/")
    signed = {name: fields[name] for name in names}
    theirs = AWSRequest(method, f"http://{fields['host']}{path}", data=body, headers=signed)
    theirs.context["timestamp"] = fields["x-amz-date"]
    signer: Any = SigV4Auth(Credentials(*KEYS), "execute-api", region)
    to_sign = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    return signature.endswith(f"Signature={signer.signature(to_sign, theirs)}")
