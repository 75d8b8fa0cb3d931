"""SQS on this machine: its service, and the events for the functions."""
