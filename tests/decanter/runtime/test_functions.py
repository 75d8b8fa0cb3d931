"""How the framework's decorators are written: a wrong form names the right one."""

from collections.abc import Callable
from typing import Any

import pytest

import decanter
from decanter import IdentifiedModel
from decanter.runtime.errors import DeclarationError


class Model(IdentifiedModel):
    """A model without a declaration."""


def function(request: object) -> None:
    """A handler, as a decorator without parentheses gets it."""


DECLARATIONS = ["uses", "table", "connection_table", "job_table", "subscription_table"]


@pytest.mark.parametrize("given", [Model, function, "ORDERS_TABLE"])
@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_takes_only_named_arguments(name: str, given: object) -> None:
    decorator: Callable[..., Any] = getattr(decanter, name)
    said = getattr(given, "__name__", repr(given))
    with pytest.raises(
        DeclarationError, match=rf"@{name} takes only .*, not {said}: write @{name}\("
    ):
        decorator(given)


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_names_its_arguments(name: str) -> None:
    decorator: Callable[..., Any] = getattr(decanter, name)
    with pytest.raises(
        DeclarationError, match=rf"@{name} .* argument .*: its arguments are .*, as in @"
    ):
        decorator(env="ORDERS_TABLE", rights="all")


@pytest.mark.parametrize("name", ["table", "connection_table", "job_table", "subscription_table"])
@pytest.mark.parametrize("given", [int, function])
def test_a_table_needs_a_model(name: str, given: Any) -> None:
    decorator: Callable[..., Any] = getattr(decanter, name)
    problem = f"@{name}: {given.__name__} must be a class derived from "
    with pytest.raises(DeclarationError, match=problem):
        decorator(env="ORDERS_TABLE")(given)
