"""AWS, simulated by moto's server, with additions for what moto lacks.

These tests prove that the commands make the right calls, in an order that works, and leave nothing
behind. They do not prove that AWS accepts every property, enforces a policy or takes the same time:
moto does not check permissions or most values, and its CloudFormation finishes immediately.
"""
