"""The gateway's sockets: HTTP, WebSocket."""
