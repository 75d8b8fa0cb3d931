"""Send from any function of an app, not only for an event of a connection."""
