"""Routing: select the function that handles an event."""
