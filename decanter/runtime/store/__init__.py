"""The tables, through PynamoDB."""
