"""The local gateway's promises, rule by rule, seen from outside: sockets, boto3, handlers.

Each test has the numbers of the rules that it shows: `@pytest.mark.rule(24, 51)`.
"""
