"""Putting the project on AWS: its template, its package, its tables, its stack."""
