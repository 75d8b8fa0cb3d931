"""AWS, played by moto's server, with what moto lacks added here.

What that proves: that the commands make the calls that they should, in an order that works, and
leave nothing behind. It does not prove that AWS accepts every property, enforces a policy or takes
as long; moto checks neither permissions nor most values, and its CloudFormation ends at once.
"""
