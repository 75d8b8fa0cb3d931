"""Unpublished facts about API Gateway. Each fact has a probe that tests it on AWS.

Each probe uses the app in `app/` and returns an observation. The expected observation is the
behaviour of the local gateway.
"""
