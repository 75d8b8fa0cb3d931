"""Facts about API Gateway, many of which nobody has published. A probe tests each fact.

Each probe uses the app in `app/` and returns an observation. The expected observation is the
behaviour of the local gateway.
"""
