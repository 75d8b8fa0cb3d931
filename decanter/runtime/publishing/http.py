"""An HTTP route for other programs that sign their requests with AWS Signature Version 4.

    app.register_blueprint(publish_route(router))

A program with the right `execute-api:Invoke` on the route posts the same JSON that it would send to
the queue. API Gateway refuses all other callers.
"""

from typing import Any, Protocol

from chalice.app import BadRequestError, Blueprint, IAMAuthorizer, Response

from decanter.runtime.errors import DeclarationError, PoisonError
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.functions import complete, name_of
from decanter.runtime.publishing.publisher import Publisher
from decanter.runtime.publishing.queue import Queue
from decanter.runtime.rights import uses

PATH = "/publish"


class Sends(Protocol):
    """The parts of a router that the route uses."""

    outboxes: Outboxes
    queue: Queue | None


@complete("publish_route(router)")
def publish_route(router: Sends) -> Blueprint:
    """Return a Blueprint with `POST /publish` for callers with a valid AWS signature.

    With a queue, the status is 202 and the body `{"queued": id}`. Without a queue, the status is
    200 and the body is the report. The answer to an order (`orders`) has the body `{}`. If the body
    of the request is not a valid message, or if the message needs a queue and there is none, the
    status is 400.
    """
    if not hasattr(router, "outboxes"):
        raise DeclarationError(f"publish_route({name_of(router)}): give the app's Router")
    blueprint, publisher = Blueprint(__name__), Publisher(router.outboxes)

    @blueprint.route(PATH, methods=["POST"], authorizer=IAMAuthorizer())
    @uses(sends=True)
    def publish() -> Response:
        request: Any = blueprint.current_request
        try:
            done = publisher.accept(request.raw_body.decode(), blueprint.lambda_context)
        except (PoisonError, UnicodeDecodeError) as error:
            raise BadRequestError(str(error)) from error
        return Response(done, status_code=202 if router.queue else 200)

    return blueprint
