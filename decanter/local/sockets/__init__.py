"""The gateway's HTTP and WebSocket connections."""
