"""The orders, in a table that createtable.py has made."""

import os

import boto3


def table():
    return boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])


def save(number, items, cents):
    table().put_item(Item={"number": number, "items": items, "cents": cents})


def find(number):
    return table().get_item(Key={"number": number}).get("Item")
