"""Check an endpoint, local or on AWS, against the rules that a client can observe."""
