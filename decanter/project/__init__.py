"""Read a Chalice project: its configuration, its app's declarations and its template."""
