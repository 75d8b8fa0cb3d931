"""A Chalice project: its configuration, its app, its template."""
