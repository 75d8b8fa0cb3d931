"""Checks of a project before it is put in service."""

from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.local.deployment import check_names
from decanter.local.functions.pool import Function
from decanter.local.functions.process import Launch
from tests.support.declarations import declaration
from tests.support.projects import TABLE


def functions(**variables: str) -> dict[str, Function]:
    """Return two handlers; only the second has the variables."""

    def log(line: str, request_id: str) -> None:
        return

    environments: dict[str, dict[str, str]] = {
        "websocket_connect": {},
        "websocket_message": variables,
    }
    return {
        name: Function(name, Launch(Path(), environment, log), 28, f"arn:{name}")
        for name, environment in environments.items()
    }


def test_a_table_named_in_one_function_is_accepted() -> None:
    named = functions(CONNECTIONS_TABLE="pour-dev-connections")
    check_names(declaration(TABLE), named.__getitem__)


def test_an_app_without_tables_needs_no_name() -> None:
    check_names(declaration(), functions().__getitem__)


@pytest.mark.parametrize("variables", [{}, {"CONNECTIONS_TABLE": ""}, {"ROOMS_TABLE": "rooms"}])
def test_a_table_named_in_no_function_is_refused(
    variables: dict[str, str],
) -> None:
    with pytest.raises(ProjectError, match=r"^the merge template does not have the table of CONN"):
        check_names(declaration(TABLE), functions(**variables).__getitem__)
