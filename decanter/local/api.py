"""The API of a version of the project, with the routes of Chalice and of the merge template.

Unit tests import this module too, so it imports only modules that load fast.
"""

from decanter.errors import ProjectError
from decanter.gateway.model import Api, Route
from decanter.gateway.rules import authorizer_refusal
from decanter.gateway.selection import CHALICE_EXPRESSION, compile_expression
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.template import Template


def additions(template: Template | None) -> tuple[dict[str, Route], str]:
    """Return the template's routes and the selection expression.

    Raises:
        ProjectError: the expression is invalid.
    """
    routes = {}
    expression = None
    if template is not None:
        for route in template.routes():
            routes[route.route_key] = Route(
                route.function, two_way=route.route_response, authorizer=route.authorizer
            )
        expression = template.selection_expression()
    expression = expression or CHALICE_EXPRESSION
    try:
        compile_expression(expression)
    except ValueError as error:
        raise ProjectError(f"the merge template's {error}") from error
    return routes, expression


def authorizer_warnings(api: Api, *, enforced: bool) -> list[str]:
    """Return a warning if `$connect` has an authorizer, which does not run on this machine."""
    route = api.routes.get("$connect")
    if route is None or route.authorizer is None:
        return []
    if enforced:
        return [f"every client is refused: {authorizer_refusal(route.authorizer)}"]
    without = f"without {route.authorizer}, the authorizer of $connect, and its context"
    return [f"every client is accepted, {without} (--no-authorizers)"]


def http_stage_of(project: Project, template: Template | None) -> str:
    """Return the stage in the URLs of the app's HTTP routes."""
    return template.http_stage(project.api_stage) if template else project.api_stage


def api_of(
    stage: str,
    declared: Declaration,
    added: dict[str, Route],
    expression: str,
    http_stage: str = "",
) -> Api:
    """Return the API of a deployment: Chalice's routes and the template's routes."""
    own = {key: Route(handler.function) for key, handler in declared.websocket.items()}
    return Api(stage, own | added, expression, declared.http_routes, http_stage)
