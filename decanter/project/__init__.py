"""What a Chalice project is: its configuration, its app, its template."""
