"""The distribution's extra `local`: packages that the tool needs and the framework does not."""

LOCAL_MODULES = frozenset(
    ("chalice", "flask", "flask_cors", "h11", "moto", "watchfiles", "websockets", "yaml")
)
"""The modules that the extra installs, by their import names."""


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Return one line that says what to install; None for a module that is not in the extra."""
    module = (error.name or "").partition(".")[0]
    if module not in LOCAL_MODULES:
        return None
    return f"{module} is not installed: install Decanter with its extra: chalice-decanter[local]"
