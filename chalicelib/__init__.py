"""The service's own modules, which Chalice ships with app.py."""
