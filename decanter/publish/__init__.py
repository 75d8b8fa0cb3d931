"""`decanter publish` and `decanter connections`: use a stage's connections on the command line."""
