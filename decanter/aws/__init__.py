"""The commands for a project's template and package, and for its tables and stack on AWS."""
