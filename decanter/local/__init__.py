"""API Gateway for WebSockets, Lambda and DynamoDB, on one machine."""
