"""The commands `decanter publish` and `decanter connections`, which use a stage's connections."""
