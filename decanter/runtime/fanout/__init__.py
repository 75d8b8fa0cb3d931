"""Send one message to many connections, and report the result."""
