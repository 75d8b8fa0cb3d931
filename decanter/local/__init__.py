"""Emulates API Gateway's WebSocket APIs, Lambda, DynamoDB and SQS on one machine."""
