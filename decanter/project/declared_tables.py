"""The logical ids of the tables that an app declares."""

from collections import defaultdict
from collections.abc import Iterable

from decanter.errors import ProjectError


def refuse_same_ids(models: Iterable[tuple[str, str]]) -> None:
    """Refuse two tables with the same logical id, because a template has only one of them.

    Args:
        models: the logical id of each table, and the full name of its model.

    Raises:
        ProjectError: two tables have the same logical id.
    """
    found = defaultdict(list)
    for logical_id, model in models:
        found[logical_id].append(model)
    for logical_id, names in found.items():
        if len(names) > 1:
            raise ProjectError(
                f"app.py declares {len(names)} tables as {logical_id}, {' and '.join(names)}: "
                "use a different environment variable for each"
            )
