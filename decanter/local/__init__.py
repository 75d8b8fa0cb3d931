"""API Gateway's WebSocket side, Lambda and DynamoDB, on one machine."""
