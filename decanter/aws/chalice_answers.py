"""The exit statuses of `chalice_process`, for callers that must not import Chalice's commands."""

REFUSED = 3
"""The exit status if the app cannot be imported or Chalice refuses it."""
