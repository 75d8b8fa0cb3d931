"""Lambda: processes that run the handlers."""
