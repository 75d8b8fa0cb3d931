"""`decanter publish` and `decanter connections`: a stage's connections, from the command line."""
