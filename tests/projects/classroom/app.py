"""The framework in an app with routes, a schedule, a queue and modules of its own."""

from chalice import Chalice, Rate
from chalicelib.marks import average

from chalicelib.connections import Connection
from decanter import Router

app = Chalice(app_name="classroom")
app.experimental_feature_flags.update(["WEBSOCKETS"])
router = Router("$request.body.action", connections=Connection)


@router.route("greet")
def greet(request):
    request.broadcast({"greeted": request.json.get("data")})


@app.route("/average/{marks}")
def marks(marks):
    return {"average": average(marks)}


@app.schedule(Rate(1, unit=Rate.DAYS))
def term(event):
    return {"on": event.source}


@app.on_sqs_message(queue="homework")
def homework(event):
    return [record.body for record in event]


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)
