"""The scheduled function that sweeps the connection table."""

import os
from collections.abc import Mapping
from typing import Any

from decanter.runtime.errors import DeclarationError
from decanter.runtime.functions import check_environment, complete, name_of
from decanter.runtime.routing.router import Router
from decanter.runtime.settings import sweep_minutes


@complete("sweep = scheduled_sweep(app, router)")
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
    if not (hasattr(app, "schedule") and isinstance(router, Router)):
        raise DeclarationError(
            f"scheduled_sweep({name_of(app)}, {name_of(router)}): write "
            "sweep = scheduled_sweep(app, router), with the Chalice app and its Router"
        )
    check_environment("scheduled_sweep", environ)
    minutes = sweep_minutes(environ)
    if minutes is None:
        return None

    def sweep(event: Any) -> dict[str, Any]:
        return router.sweep(event.context)

    return app.schedule(f"rate({minutes} {'minute' if minutes == 1 else 'minutes'})")(sweep)
