"""The Lambda side: processes that run the handlers."""
