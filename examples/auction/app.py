"""Auctions with channels, typed bids, HTTP routes for the staff, and a schedule for their end.

Clients connect with a JSON Web Token, whose subject is the bidder. A bid is the rpc `bid`.
"""

import time
from dataclasses import dataclass
from typing import Any

from chalice.app import Chalice, CloudWatchEvent, IAMAuthorizer, NotFoundError, WebsocketEvent
from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, UpdateError
from pynamodb.models import Model

from decanter import (
    IdentifiedModel,
    InvalidPayload,
    MessageError,
    Request,
    Router,
    Subscription,
    WebTokens,
    connection_table,
    scheduled_sweep,
    table,
    uses,
)

app = Chalice(app_name="auction")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@table(env="AUCTIONS_TABLE")
class Auction(Model):
    name = UnicodeAttribute(hash_key=True)
    ends_at = NumberAttribute()
    price = NumberAttribute(default=0)
    leader = UnicodeAttribute(null=True)
    closed = BooleanAttribute(default=False)


@table(env="BIDS_TABLE")
class Bid(Model):
    auction = UnicodeAttribute(hash_key=True)
    amount = NumberAttribute(range_key=True)
    bidder = UnicodeAttribute()


@dataclass
class Offer:
    auction: str
    amount: int

    def __post_init__(self) -> None:
        if self.amount < 1:
            raise InvalidPayload("amount", "must be 1 or more")


class TooLow(MessageError):
    code = "too_low"
    number = 409


router = Router("$request.body.action", connections=Connection)
router.authenticate(WebTokens())
sweep = scheduled_sweep(app, router)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@router.channel("auction:{name}", presence=True)
@uses(reads=[Auction])
def watch(subscription: Subscription, name: str) -> bool:
    try:
        subscription.data = {"price": Auction.get(name).price}
    except DoesNotExist:
        return False
    return True


@router.route("bid")
@uses(writes=[Auction, Bid])
def bid(request: Request, payload: Offer) -> None:
    raised = (Auction.price < payload.amount) & (Auction.ends_at > time.time())
    leader = request.identity or ""
    try:
        Auction(payload.auction).update(
            [Auction.price.set(payload.amount), Auction.leader.set(leader)], raised
        )
    except UpdateError:
        raise TooLow(f"{payload.auction} is not open, or has a bid that is not lower") from None
    Bid(payload.auction, payload.amount, bidder=leader).save()
    router.publish(f"auction:{payload.auction}", {"bid": payload.amount, "by": leader})


@app.route("/auctions", methods=["POST"], authorizer=IAMAuthorizer())
@uses(writes=[Auction], sends=True)
def begin() -> dict[str, Any]:
    asked = app.current_request.json_body  # type: ignore[union-attr]
    Auction(asked["name"], ends_at=time.time() + asked["seconds"]).save()
    return {"announced": router.broadcast({"opened": asked["name"]}).sent}


@app.route("/auctions/{name}", authorizer=IAMAuthorizer())
@uses(reads=[Auction, Bid])
def show(name: str) -> dict[str, Any]:
    try:
        return {"leader": Auction.get(name).leader, "bids": [it.amount for it in Bid.query(name)]}
    except DoesNotExist:
        raise NotFoundError(name) from None


@app.schedule("rate(1 minute)")
@uses(reads=[Auction], writes=[Auction], sends=True)
def close(event: CloudWatchEvent) -> None:
    for auction in Auction.scan((Auction.ends_at <= time.time()) & (Auction.closed == False)):  # noqa: E712
        auction.update([Auction.closed.set(True)])
        sold = {"sold": auction.name, "to": auction.leader, "for": auction.price}
        router.publish(f"auction:{auction.name}", sold, context=event)
