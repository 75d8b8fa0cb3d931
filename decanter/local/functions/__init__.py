"""The local Lambda: processes that run the handlers."""
