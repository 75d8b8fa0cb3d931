"""Topics, streams and events that raise alerts, and a socket that shows them."""

import logging

from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="alerts")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.log.setLevel(logging.INFO)

STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/sensors/stream/2026-01-01T00:00:00.000"


@app.on_sns_message(topic="alarms")
def alarm(event):
    app.log.info("alarm %s", event.subject)


@app.on_kinesis_record(stream="readings", batch_size=50, starting_position="TRIM_HORIZON")
def reading(event):
    app.log.info("%s readings", len([record.data for record in event]))


@app.on_dynamodb_record(stream_arn=STREAM, starting_position="LATEST")
def sensor(event):
    app.log.info("%s changes", len([record.keys for record in event]))


@app.on_cw_event({"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]})
def instance(event):
    app.log.info("state %s", event.detail)


@app.on_ws_connect()
def connect(event):
    pass


@app.on_ws_message()
def message(event):
    app.log.info("shown to %s", event.connection_id)
