"""Emulates API Gateway's WebSocket APIs, Lambda and DynamoDB on one machine."""
