"""Prices, in cents."""

PRICES = {"tea": 250, "scone": 320}


def total(items):
    return sum(PRICES[item] for item in items)
