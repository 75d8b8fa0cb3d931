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
