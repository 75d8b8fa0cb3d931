"""The service as users meet it: the gateway started as a command, real clients, real boto3."""
