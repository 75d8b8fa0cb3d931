"""Needs of real applications: one row each in `rows.py`, shown by tests."""
