"""Decanter: runs a Chalice WebSocket application on your machine and puts it on AWS."""

__version__ = "0.1.1"
