"""What applications and situations of others need: a row each in `rows.py`, shown by tests."""
