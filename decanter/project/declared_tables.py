"""The logical ids of the tables that an app declares."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from decanter.errors import ProjectError


def refuse_same_ids(models: Iterable[tuple[str, str]]) -> None:
    """Refuse two tables with the same logical id, because a template can have only one of them.

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


def refuse_taken_ids(models: Iterable[tuple[str, str]], taken: Collection[str]) -> None:
    """Refuse a table with the logical id of a resource that is not a table, such as a function.

    Args:
        models: the logical id of each table, and the full name of its model.
        taken: the logical ids of the stack's other resources.

    Raises:
        ProjectError: another resource has the logical id of a table.
    """
    for logical_id, model in models:
        if logical_id in taken:
            raise ProjectError(
                f"the table of {model} and another resource of the stack, such as a function, are "
                f"both {logical_id} in the template: use a different environment variable for the "
                "table, or another name for the function"
            )
