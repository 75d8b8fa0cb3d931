"""The extra `local` of the distribution: the tool's additional dependencies."""

LOCAL_MODULES = frozenset(
    ("chalice", "flask", "flask_cors", "h11", "moto", "watchfiles", "websockets", "yaml")
)
"""The import names of the modules that the extra installs."""


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Return a line that names the extra; None if the extra does not install the missing module."""
    module = (error.name or "").partition(".")[0]
    if module not in LOCAL_MODULES:
        return None
    return f"{module} is not installed: install Decanter with its extra: chalice-decanter[local]"
