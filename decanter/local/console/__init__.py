"""The gateway's page, and what it asks."""
