import pytest

from chalicelib.errors import DeclarationError
from chalicelib.request import Request
from chalicelib.routes import Route, RouteTable


def first(request: Request) -> None: ...


def second(request: Request) -> None: ...


def test_a_second_route_with_the_same_key_is_refused_and_both_functions_named() -> None:
    routes = RouteTable()
    routes.add(Route("move", first))
    with pytest.raises(DeclarationError) as caught:
        routes.add(Route("move", second))
    assert str(caught.value) == (
        f"route 'move' is declared twice: by first ({__name__}) and by second ({__name__})"
    )


@pytest.mark.parametrize("key", ["", "$connect", "$disconnect", "$mine"])
def test_reserved_keys_are_refused(key: str) -> None:
    with pytest.raises(DeclarationError, match="which API Gateway reserves"):
        RouteTable().add(Route(key, first))


def test_no_route_is_taken_after_the_first_event() -> None:
    routes = RouteTable()
    routes.close()
    with pytest.raises(DeclarationError, match="declare routes where app"):
        routes.add(Route("late", first))


def test_the_default_route_is_kept_apart() -> None:
    routes = RouteTable()
    routes.add(Route("$default", second))
    routes.add(Route("move", first, "Move"))
    assert routes.default == Route("$default", second)
    assert routes.custom == [Route("move", first, "Move")]
    assert routes.get("Move") is None
