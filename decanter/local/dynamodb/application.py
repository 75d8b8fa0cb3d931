"""moto's DynamoDB as a WSGI application. `server.py` loads this file by its path."""

import runpy
from pathlib import Path
from typing import Any

MOTOS_ACCOUNT = "123456789012"
"""The value of `moto.core.DEFAULT_ACCOUNT_ID`, which moto's DynamoDB modules import."""


def application(region: str, *, is_alone: bool = False) -> Any:
    """Load moto, which takes a quarter of a second, and return a DynamoDB without tables.

    `is_alone` must be True only if no other code of this process uses AWS clients.
    """
    _postpone(is_alone=is_alone)
    _run("scans")["install"]()
    try:
        return _run("handler")["application"](region)
    except ImportError:  # an unexpected version of moto
        import botocore.client  # noqa: F401 - moto needs it but does not import it
        from moto.moto_server.werkzeug_app import create_backend_app

        return create_backend_app("dynamodb")


def _postpone(*, is_alone: bool) -> None:
    """Postpone moto's mocks, werkzeug's server and, if `is_alone` is true, AWS clients."""
    postponed = _run("postponed")
    postpone, later = postponed["postpone"], postponed["later"]
    postpone("werkzeug")
    postpone("moto")
    postpone("moto.core", DEFAULT_ACCOUNT_ID=MOTOS_ACCOUNT)
    if is_alone:
        postpone("boto3", Session=later("boto3", "Session"))
        postpone("botocore.session", Session=later("botocore.session", "Session"))
        postpone("s3transfer")
        postpone("s3transfer.manager", TransferConfig=later("s3transfer.manager", "TransferConfig"))


def _run(name: str) -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).with_name(f"{name}.py")))
