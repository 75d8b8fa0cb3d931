"""A Chalice project, with the configuration, the app and the template."""
