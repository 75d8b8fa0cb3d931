"""A Chalice app whose merge template adds routes, one of them two-way, and an expression."""

import json

import boto3
from chalice import Chalice

app = Chalice(app_name="routes")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()


@app.on_ws_message()
def message(event):
    """Send the event's context back. In a two-way route, return it."""
    context = event.to_dict()["requestContext"]
    if context["routeKey"] == "two-way":
        order = json.loads(event.body)
        answer = {"statusCode": order["status"]}
        return answer if order["body"] is None else {**answer, "body": order["body"]}
    app.websocket_api.send(event.connection_id, json.dumps(context))
    return None
