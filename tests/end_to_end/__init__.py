"""The service as its users meet it: the gateway run as a command, real clients, real boto3."""
