"""The exit statuses of `chalice_process`, for a caller that does not load Chalice's commands."""

REFUSED = 3
"""The exit status if Chalice refuses the app."""
