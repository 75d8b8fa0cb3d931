"""Run the router's hooks and routes for the commands in a client's frame."""

import json
from collections.abc import Callable
from typing import Any

from decanter.runtime import jsontext
from decanter.runtime.channels import codec
from decanter.runtime.channels.codec import Command
from decanter.runtime.channels.codes import (
    INTERNAL,
    INVALID_TOKEN,
    LEAST_OWN,
    PERMISSION_DENIED,
    TOKEN_EXPIRED,
    Disconnect,
    ReplyError,
)
from decanter.runtime.channels.declaration import Subscription
from decanter.runtime.channels.interfaces import Member, Session, Welcome
from decanter.runtime.errors import UnknownRoute
from decanter.runtime.fanout.frame import Frame
from decanter.runtime.fanout.report import Report
from decanter.runtime.jsontext import Json
from decanter.runtime.logs import EventLine
from decanter.runtime.routing.connection_event import Handshake, Hello, Refused, TokenExpired
from decanter.runtime.routing.request import Request
from decanter.runtime.routing.response import Response, response_of
from decanter.runtime.routing.routes import DEFAULT, run_hooks

SERVER_ERROR = 500


class Call(Request):
    """A client's `rpc` command. The route's payload is the `data` of the command.

    Attributes:
        answer: the first frame that the route passes to `reply`; None before that.
    """

    answer: Frame | None = None

    def reply(self, frame: Frame) -> Report:
        """Answer the call with the first frame. Send each later frame as a message."""
        if self.answer is not None:
            return super().reply(frame)
        self.answer = frame
        return Report(sent=1)

    def response_of(self, returned: object) -> Response:
        """Return a response with the route's return value as `data`.

        None, and a dict with `statusCode`, are handled as in an app without channels.
        """
        if returned is None or (isinstance(returned, dict) and "statusCode" in returned):
            return response_of(returned)
        return {"statusCode": 200, "data": returned}


class ChannelEvent:
    """Runs the application's functions for the commands in one frame.

    Attributes:
        errors: the exceptions so far, without clients' mistakes.
    """

    def __init__(self, router: Any, wire: Any, request: Request, line: EventLine) -> None:
        self._router = router
        self._wire = wire
        self._request = request
        self._line = line
        self.errors: list[Exception] = []

    def admit(self) -> None:
        """Run the message hooks for the frame, and the handlers of their exceptions.

        The commands of a refused frame do not run. Each gets an error reply with the status of the
        handler's response, if this status is 400 or more. Otherwise it gets the error for the
        hook's exception.
        """
        try:
            run_hooks(self._router.message_hooks, self._request)
        except Exception as error:
            response = self._router.recover(error, self._request, self._line)
            if response is not None:
                _check_status(response)
            raise

    def authenticate(self, session: Session, command: Command) -> Welcome:
        """Call the authenticate hook. Without a hook, every client is accepted."""
        if self._router.authenticator is None:
            return Welcome()
        data = None if command.data is None else jsontext.parse(command.data)
        hello = Hello(self._handshake(session), command.text("token"), data)
        try:
            run_hooks([self._router.authenticator], hello)
        except TokenExpired:
            raise ReplyError(TOKEN_EXPIRED) from None
        except Refused as refusal:
            self.note(str(refusal))
            if refusal.status >= SERVER_ERROR:
                raise ReplyError(INTERNAL) from None
            raise Disconnect(INVALID_TOKEN) from None
        channels = [
            self._wire.name_of(pattern, {"identity": hello.identity, **values})
            for pattern, values in hello.subscriptions
        ]
        return Welcome(
            hello.identity, hello.info, hello.expires_at, hello.reply, [*dict.fromkeys(channels)]
        )

    def _handshake(self, session: Session) -> Handshake:
        """Return the client's handshake. After the connect command, headers and query are empty."""
        request = json.loads(session.handshake) if session.handshake else {}
        return Handshake({**request, "requestContext": self._request.event["requestContext"]})

    def check_token(self, subscription: Subscription) -> None:
        """Check a subscription's token, if the authenticate hook has `check_subscription`."""
        check = getattr(self._router.authenticator, "check_subscription", None)
        if check is None:
            return
        try:
            run_hooks([check], subscription)
        except TokenExpired:
            raise ReplyError(TOKEN_EXPIRED) from None
        except Refused as refusal:
            self.note(str(refusal))
            raise ReplyError(
                INTERNAL if refusal.status >= SERVER_ERROR else PERMISSION_DENIED
            ) from None

    def call(self, session: Session, method: str, data: Json | None) -> Json:
        """Run the route that an `rpc` command names."""
        route = self._router.declared.get(method)
        if route is None or method == DEFAULT:
            raise UnknownRoute([key for key in self._router.declared if key != DEFAULT])
        call = self._made(Call, data)
        response = self._router.answer(call, self._line, route)
        if call.answer is not None:
            return codec.text_of(call.answer)
        _check_status(response)
        return codec.text_of(response.get("data", response.get("body")))

    def receive(self, session: Session, data: Json | None) -> None:
        """Run the route that the message selects."""
        self._router.answer(self._made(Request, data), self._line)

    def publish(self, channel: str, push: str) -> None:
        """Post a push to the members of a channel."""
        self._request.outbox.broadcast(push, channel=channel)

    def tell(self, channel: str, kind: str, member: Member) -> None:
        """Announce that a member has joined or left."""
        self._wire.tell(channel, kind, member, self._request.outbox)

    def statistics(self, channel: str) -> dict[str, int]:
        """Return the number of clients and the number of users in a channel."""
        counts: dict[str, int] = self._wire.statistics(channel)
        return counts

    def attempt(self, step: Callable[[], object]) -> None:
        """Call a function, and add its exception to the event's log line."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the other steps still run
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Add an exception to the event's log line."""
        self.errors.append(error)
        self._line.add_error(error)

    def note(self, reason: str) -> None:
        """Add a reason to the event's log line."""
        self._line.add(reason=reason)

    def _made(self, kind: Any, data: Json | None) -> Any:
        request = self._request
        event = {**request.event, "body": data or "null"}
        return kind(event, request.context, request.outbox)


def _check_status(response: Response) -> None:
    """Raise the error for a response's status, if the status is 400 or more."""
    if (status := response["statusCode"]) >= LEAST_OWN:
        raise ReplyError(status, str(response.get("body", "")))
