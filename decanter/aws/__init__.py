"""The project's template, package, tables and stack on AWS."""
