"""Clients of S3, Secrets Manager and Cognito, and a table by name, all made at import."""

import json
import os

import boto3
from chalice import Chalice

app = Chalice(app_name="uploads")
app.websocket_api.session = boto3.session.Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])

s3 = boto3.client("s3")
secrets = boto3.client("secretsmanager")
cognito = boto3.client("cognito-idp")
sessions = boto3.resource("dynamodb").Table(os.environ["SESSIONS_TABLE"])


@app.on_ws_connect()
def connect(event):
    sessions.put_item(Item={"connection": event.connection_id})


@app.on_ws_disconnect()
def disconnect(event):
    sessions.delete_item(Key={"connection": event.connection_id})


@app.on_ws_message()
def message(event):
    """Sign the address of an upload, which calls no service."""
    picture = json.loads(event.body)["data"]
    target = {"Bucket": os.environ["BUCKET"], "Key": picture}
    print(s3.generate_presigned_url("put_object", Params=target)[:8])


@app.lambda_function()
def users(event, context):
    """Called by hand: every user of the pool, and the secret."""
    if "dry" in event:
        return {"pool": os.environ["POOL"]}
    secrets.get_secret_value(SecretId=os.environ["SECRET"])
    return cognito.list_users(UserPoolId=os.environ["POOL"])["Users"]
