"""Putting the project on AWS: its template, its tables."""
