"""moto's DynamoDB as a WSGI application. `server.py` loads this file by its path."""

import runpy
from pathlib import Path
from typing import Any

MOTOS_ACCOUNT = "123456789012"
"""The constant of `moto.core` that DynamoDB's modules import."""


def application(region: str) -> Any:
    """Load moto, which takes a quarter of a second, and return a DynamoDB without tables.

    Args:
        region: the region in the tables' ARNs.
    """
    _postpone()
    _run("scans")["install"]()
    try:
        return _run("handler")["application"](region)
    except ImportError:  # an unexpected version of moto
        from moto.moto_server.werkzeug_app import create_backend_app

        return create_backend_app("dynamodb")


def _postpone() -> None:
    """Postpone moto's mocks of all AWS services, and werkzeug's server and test client."""
    postpone = _run("postponed")["postpone"]
    postpone("werkzeug")
    postpone("moto")
    postpone("moto.core", DEFAULT_ACCOUNT_ID=MOTOS_ACCOUNT)


def _run(name: str) -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).with_name(f"{name}.py")))
