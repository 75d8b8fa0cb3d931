"""Runs any function of the app on request, with an event from the user or with an example event."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from decanter.gateway.events import ConnectionContext, EventMaker, Handshake, Identity, new_id
from decanter.gateway.results import Returned
from decanter.local.functions.functions import Functions
from decanter.local.journal import Journal
from decanter.project.declaration import LambdaFunction
from decanter.project.example_events import TEXT, example_event
from decanter.project.stack import Stack


class Invoker:
    """Runs the functions of the current version of the app."""

    def __init__(
        self, functions: Functions, stack: Stack, events: EventMaker, journal: Journal
    ) -> None:
        self._functions = functions
        self._stack = stack
        self._events = events
        self._journal = journal
        self.declared: Mapping[str, LambdaFunction] = {}

    def to_json(self) -> list[dict[str, Any]]:
        """Return the functions, each with an example event."""
        return [
            {**asdict(each), "example": self.example(each.name)} for each in self.declared.values()
        ]

    def example(self, name: str, body: str | None = None) -> dict[str, Any]:
        """Return an example event. `body` is the text of the event's message, record or request."""
        function = self.declared[name]
        if function.kind != "websocket":
            return example_event(function, self._stack, body)
        now = int(time.time() * 1000)
        context = ConnectionContext(new_id(), now, Identity("127.0.0.1"))
        if "$connect" in function.source:
            return self._events.connect(context, Handshake(host=self._events.domain_name))
        if "$disconnect" in function.source:
            return self._events.disconnect(context, 1000, "")
        return self._events.message(context, "$default", TEXT if body is None else body)

    async def run(self, name: str, event: Any) -> dict[str, Any]:
        """Run a function now. Return JSON with the `result` or the `error`."""
        request_id = str(uuid.uuid4())
        self._journal.given_alone(event, request_id)
        run = await self._functions.run(name, event, request_id)
        self._journal.ran_alone(run, request_id, "by hand")
        facts = {
            "function": name,
            "request_id": request_id,
            "milliseconds": round(run.seconds * 1000),
        }
        if isinstance(run.outcome, Returned):
            return {"result": run.outcome.value, **facts}
        return {"error": run.error, **facts}
