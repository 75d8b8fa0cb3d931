"""Access the tables through PynamoDB."""
