"""Facts about API Gateway that nobody has published, each with a probe that asks AWS.

Each probe uses the app in `app/` and returns its observation. The expected one is the behaviour of
the local gateway.
"""
