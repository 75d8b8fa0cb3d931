"""Clients by the hundred under faults: what the service promises, reconciled to the message."""
