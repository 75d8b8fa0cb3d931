"""Check an endpoint, on this machine or on AWS, against the rules that a client can observe."""
