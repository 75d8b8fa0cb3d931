"""Hundreds of clients under faults: the service keeps its promises, checked message by message."""
