"""Schedules, a queue, a topic, streams and events of EventBridge, with sockets."""

from chalice import Chalice, Cron, Rate
from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, Router, connection_table

app = Chalice(app_name="reports")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


router = Router("$request.body.action", connections=Connection)


@router.route("greet")
def greet(request):
    request.reply("hello")


@app.schedule(Rate(5, unit=Rate.MINUTES))
def often(event):
    return {"at": event.to_dict()["time"]}


@app.schedule(Cron(0, 2, "?", "*", "MON-FRI", "*"))
def nightly(event):
    return {}


@app.on_sqs_message(queue="orders", batch_size=5)
def orders(event):
    """Two comprehensions on one line: Chalice's policy analyzer fails on them."""
    return {"sizes": [len(row.body) for row in event], "ids": [it.receipt_handle for it in event]}


@app.on_sns_message(topic="news")
def news(event):
    return {"message": event.message}


@app.on_kinesis_record(stream="ticks")
def ticks(event):
    return {"records": len(list(event))}


@app.on_cw_event({"source": ["aws.codecommit"]})
def pushed(event):
    return {"source": event.source}


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)
