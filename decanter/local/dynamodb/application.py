"""moto's DynamoDB as a WSGI application. `server.py` loads this file by its path."""

import runpy
from pathlib import Path
from typing import Any


def application(region: str) -> Any:
    """Load moto, which takes half a second, and return a DynamoDB without tables.

    Args:
        region: the region in the tables' ARNs.
    """
    _run("scans")["install"]()
    try:
        return _run("handler")["application"](region)
    except ImportError:  # an unexpected version of moto
        from moto.moto_server.werkzeug_app import create_backend_app

        return create_backend_app("dynamodb")


def _run(name: str) -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).with_name(f"{name}.py")))
