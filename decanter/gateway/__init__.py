"""API Gateway's rules for WebSocket APIs, without sockets."""
