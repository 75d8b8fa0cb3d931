"""What a route accepts: a type, which its second parameter declares.

    @dataclass
    class Say:
        text: str
        room: str = "lobby"

    @router.route("say")
    def say(request: Request, payload: Say) -> None: ...

The type is a dataclass, a TypedDict or a pydantic model. Its members are the message's own; what
the message has beside them is passed over. Nothing is converted, but that a whole number does for
a float. What cannot be validated is refused at import.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import DeclarationError
from .faults import NotAnObject

if TYPE_CHECKING:
    from .readers import Read


def payload_reader(function: Callable[..., Any]) -> "Read | None":
    """What reads the payload of a route's function; None when it takes the request alone.

    Raises:
        DeclarationError: its type cannot be validated.
    """
    where = f"{function.__name__} ({function.__module__})"
    parameters = inspect.signature(function).parameters.values()
    required = [each for each in parameters if each.default is each.empty]
    if len(required) not in (1, 2):
        raise DeclarationError(f"{where} must take a request, or a request and a payload")
    if len(required) == 1:
        return None
    from .structures import structure_reader

    read_object = structure_reader(function, required[1].name, where)

    def read(document: Any) -> Any:
        if not isinstance(document, dict):
            raise NotAnObject
        return read_object(document)

    return read
