"""The logical ids of the tables that an app declares."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from decanter.errors import ProjectError


def refuse_same_ids(models: Iterable[tuple[str, str]]) -> None:
    """Raise ProjectError if two tables have the same logical id. A template needs unique ids.

    `models` has the logical id of each table and the full name of its model.
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
    """Raise ProjectError if a table has a logical id in `taken`, such as the id of a function.

    `models` has the logical id of each table and the full name of its model.
    """
    for logical_id, model in models:
        if logical_id in taken:
            raise ProjectError(
                f"the table of {model} and another resource of the stack, such as a function, are "
                f"both {logical_id} in the template: use a different environment variable for the "
                "table, or another name for the function"
            )
