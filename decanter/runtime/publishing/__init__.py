"""Send from any function of an app, even without an event of a connection."""
