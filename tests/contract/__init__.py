"""The contract of the local gateway, rule by rule, seen from outside: sockets, boto3, handlers.

Each test has the numbers of its rules: `@pytest.mark.rule(24, 51)`.
"""
