"""Powertools for AWS Lambda: its logger and metrics, also as decorators around handlers."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="observed")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])
logger, metrics = Logger(), Metrics()


@app.on_ws_connect(name="opened")
def connect(event):
    logger.info("connected", extra={"connection": event.connection_id})


@metrics.log_metrics
@app.on_ws_message(name="received")
def message(event):
    metrics.add_metric(name="Messages", unit=MetricUnit.Count, value=1)
    logger.info("message", extra={"bytes": len(event.body)})


@app.lambda_function(name="count-again")
@metrics.log_metrics
def count(event, context):
    metrics.add_metric(name="Counts", unit=MetricUnit.Count, value=1)
    return {"counted": True}
