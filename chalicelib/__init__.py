"""The service's own modules. Chalice ships them with app.py."""
