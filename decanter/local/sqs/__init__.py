"""The local SQS, with the service and the events for the functions."""
