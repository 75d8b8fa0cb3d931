"""AWS Signature Version 4 for requests to @connections, without I/O.

Only the connection id and the signature differ between the requests to recipients. The rest is
created once, so each recipient needs one SHA-256 and one HMAC. The steps follow "Create a signed
AWS API request" in AWS's IAM User Guide. Tests compare the bytes with botocore's `SigV4Auth`.
"""

import hmac
import re
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from decanter.runtime.transports.fast.http1 import Endpoint

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "execute-api"
TRACE_ID_SAFE = "-=;:+&[]{}\"',"

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_BASE64 = re.compile("[A-Za-z0-9_-]*=*")


class Credentials(NamedTuple):
    """The access key ID and the secret key, and the session token of temporary credentials."""

    access_key: str
    secret_key: str
    token: str | None = None


class SignedRequests:
    """Requests to any connection, with one method, one body and one signature time.

    The signature time is `moment_ms`, in epoch milliseconds. API Gateway accepts the requests for
    five minutes after it. Like botocore, this class does not sign the trace id of the event.
    """

    def __init__(
        self,
        method: str,
        endpoint: Endpoint,
        body: bytes,
        credentials: Credentials,
        region: str,
        moment_ms: int,
        trace_id: str | None = None,
    ) -> None:
        moment = datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
        date = moment[:8]
        scope = f"{date}/{region}/{SERVICE}/aws4_request"
        signed = {"host": endpoint.authority, "x-amz-date": moment}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        headers = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        if trace_id:
            headers += f"x-amzn-trace-id: {quote(trace_id, safe=TRACE_ID_SAFE)}\r\n"
        path = f"{endpoint.path}/@connections/"

        key = signing_key(credentials.secret_key, date, region)
        # Each hash is started once, and a copy is finished for each recipient. Two of the hashes
        # make an HMAC (RFC 2104), because the module `hmac` would look up the algorithm each time.
        block = key.ljust(64, b"\0")
        self._canonical = sha256(f"{method}\n{quote(path, safe='/~')}".encode())
        self._inner = sha256(block.translate(_INNER) + f"{ALGORITHM}\n{moment}\n{scope}\n".encode())
        self._outer = sha256(block.translate(_OUTER))
        self._canonical_end = f"\n\n{lines}\n{names}\n{sha256(body).hexdigest()}".encode()
        self._start = f"{method} {path}".encode()
        self._middle = (
            f" HTTP/1.1\r\n{headers}content-length: {len(body)}\r\n"
            f"authorization: {ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature="
        ).encode()
        self._end = b"\r\n\r\n" + body

    def render(self, connection_id: str) -> bytes:
        """Return the complete request for one connection.

        The path contains the percent-encoded id. As for every service except S3, the canonical
        request encodes the path again.
        """
        once = _encode(connection_id)
        canonical, inner, outer = self._canonical.copy(), self._inner.copy(), self._outer.copy()
        canonical.update(once.replace(b"%", b"%25") + self._canonical_end)
        inner.update(canonical.hexdigest().encode())
        outer.update(inner.digest())
        signature = outer.hexdigest().encode()
        return b"".join((self._start, once, self._middle, signature, self._end))


def _encode(connection_id: str) -> bytes:
    """Percent-encode an id. Only `=` is encoded in an id that is URL-safe base64."""
    if _BASE64.fullmatch(connection_id):
        return connection_id.encode().replace(b"=", b"%3D")
    return quote(connection_id, safe="", errors="replace").encode()


@lru_cache(maxsize=8)
def signing_key(secret_key: str, date: str, region: str) -> bytes:
    """Return the signing key for a date and a region. Four HMACs derive it from the secret."""
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
