"""The chat's storage and its commands."""

import os

import boto3
from boto3.dynamodb.conditions import Key
from chalice import WebsocketDisconnectedError


class Storage:
    """Nicknames and rooms: one row for each connection, and one for each membership."""

    def __init__(self):
        """Open the table that the environment names."""
        self.table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

    def enter(self, connection_id):
        """Remember a connection; it has no nickname yet."""
        self.table.put_item(Item={"PK": connection_id, "SK": "connection", "name": ""})

    def name(self, connection_id, name=None):
        """Return the nickname, or set it."""
        key = {"PK": connection_id, "SK": "connection"}
        if name is not None:
            self.table.put_item(Item={**key, "name": name})
        return self.table.get_item(Key=key)["Item"]["name"]

    def join(self, connection_id, room):
        """Join a room."""
        for row in self.rows(connection_id):
            if row["SK"].startswith("room_"):
                self.table.delete_item(Key={"PK": connection_id, "SK": row["SK"]})
        self.table.put_item(Item={"PK": connection_id, "SK": f"room_{room}"})

    def room(self, connection_id):
        """Return the room of a connection; None if it is in no room."""
        rooms = [row["SK"] for row in self.rows(connection_id) if row["SK"].startswith("room_")]
        return rooms[0].removeprefix("room_") if rooms else None

    def members(self, room):
        """Return the members of a room."""
        found = self.table.query(
            IndexName="ReverseLookup", KeyConditionExpression=Key("SK").eq(f"room_{room}")
        )
        return [row["PK"] for row in found["Items"]]

    def leave(self, connection_id):
        """Delete a connection."""
        for row in self.rows(connection_id):
            self.table.delete_item(Key={"PK": connection_id, "SK": row["SK"]})

    def rows(self, connection_id):
        """Return all rows of a connection."""
        return self.table.query(KeyConditionExpression=Key("PK").eq(connection_id))["Items"]


class Chat:
    """Interprets a client's lines."""

    def __init__(self, app, storage):
        """Send through the app, remember in the storage."""
        self.app = app
        self.storage = storage

    def send(self, connection_id, text):
        """Send to one client, and delete it if it is gone."""
        try:
            self.app.websocket_api.send(connection_id, text)
        except WebsocketDisconnectedError as error:
            self.storage.leave(error.connection_id)

    def handle(self, connection_id, line):
        """Run a command, or send the line to the room."""
        command, _, argument = line.partition(" ")
        if command == "/nick":
            self.send(connection_id, f"You are {self.storage.name(connection_id, argument)}.")
        elif command == "/join":
            self.storage.join(connection_id, argument)
            self.tell_room(argument, f"{self.storage.name(connection_id)} has joined.")
        elif command == "/quit":
            self.app.websocket_api.close(connection_id)
        elif room := self.storage.room(connection_id):
            self.tell_room(room, f"{self.storage.name(connection_id)}: {line}")
        else:
            self.send(connection_id, "Join a room first.")

    def tell_room(self, room, text):
        """Send to everyone in a room."""
        for member in self.storage.members(room):
            self.send(member, text)
