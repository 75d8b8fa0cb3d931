"""The scheduled function that sweeps the connection table."""

import os
from collections.abc import Mapping
from typing import Any

from decanter.runtime.routing.router import Router
from decanter.runtime.settings import sweep_minutes


def scheduled_sweep(app: Any, router: Router, environ: Mapping[str, str] = os.environ) -> Any:
    """Declare the scheduled function that sweeps.

    Write `sweep = scheduled_sweep(app, router)` in app.py. The name must be `sweep`, because Lambda
    finds the function by this name, and the function's rights depend on it. The variable
    `DECANTER_SWEEP_MINUTES` sets the interval. Each stage can have its own interval, because
    Chalice loads app.py with the stage's variables when it deploys or packages.

    Returns:
        Chalice's handler; None for no sweep, if the variable is not set or is 0.

    Raises:
        SettingError: the variable is not a whole number of minutes from 0 to 120.
    """
    minutes = sweep_minutes(environ)
    if minutes is None:
        return None

    def sweep(event: Any) -> dict[str, Any]:
        return router.sweep(event.context)

    return app.schedule(f"rate({minutes} {'minute' if minutes == 1 else 'minutes'})")(sweep)
