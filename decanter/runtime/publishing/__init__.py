"""Send messages from any Lambda function of an app, even without an event of a connection."""
