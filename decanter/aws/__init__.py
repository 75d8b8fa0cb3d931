"""AWS: the project's template, package, tables and stack."""
