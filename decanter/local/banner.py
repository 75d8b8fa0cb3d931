"""Facts about the served API, for the startup banner and for `/_gateway/info`."""

import os
import shutil
import sys
from dataclasses import asdict
from typing import Any

from decanter import __version__
from decanter.gateway.model import Api
from decanter.local.examples import examples
from decanter.project.declaration import Declaration
from decanter.project.declared_channels import patterns_of
from decanter.project.framework import Framework
from decanter.running_gateway import URL

LABEL_WIDTH = 14

EVENT_SOURCES = {
    "authorizer": "authorizer of HTTP routes",
    "cloudwatch": "EventBridge events",
    "dynamodb": "DynamoDB stream",
    "kinesis": "Kinesis stream",
    "lambda": "no event source",
    "s3": "S3 bucket",
    "sns": "SNS topic",
    "sqs": "SQS queue",
}
"""A description of each kind of event source. Routes and schedules have their own lines."""


def api_facts(api: Api, declared: Declaration) -> dict[str, Any]:
    """Return the API's routes and functions as JSON."""
    names = {handler.function: handler.name for handler in declared.websocket.values()}
    framework = declared.framework and Framework(declared.framework)
    messages = examples(declared, api.selection_expression, [*api.routes])
    return {
        "framework": str(framework) if framework else None,
        "selection_expression": api.selection_expression,
        "routes": {
            key: {
                "function": route.function,
                "handler": names.get(route.function),
                "two_way": route.two_way,
                "example": messages[key],
            }
            for key, route in sorted(api.routes.items())
        },
        "channels": list(patterns_of(router.channels for router in declared.routers)),
        "http_routes": list(api.http_routes),
        "schedules": dict(declared.schedules),
        "functions": [asdict(each) for each in declared.lambdas.values()],
    }


def banner(about: dict[str, Any]) -> str:
    """Return the facts as labelled lines. The last line has a command that connects a client."""
    app = f"{about['app_name']}, stage {about['stage']}, {about['project']}"
    tables = ", ".join(about["tables"]) or "no table declared"
    if about["dynamodb_is_embedded"]:
        tables += " (in memory, for up to about 10,000 rows)"
    processes = f"at most {about['concurrency']} of each function"
    channels = ", ".join(about["channels"])
    lines = [
        ("Decanter", f"{__version__}: {app}"),
        ("Python", about["python"]),
        ("Framework", about["framework"] or "none: the app does not use it"),
        ("WebSocket", about["websocket_url"]),
        *(("Mapping", url) for url in [about.get("mapped_url")] if url),
        ("@connections", f"{about['management_url']}/@connections/{{connectionId}}"),
        ("Console", about["console_url"]),
        *(("HTTP", f"{about['http_url']}{path}") for path in about["http_routes"]),
        *routes(about),
        *(("Channels", text) for text in [channels] if text),
        *schedules(about),
        *functions(about),
        ("Template", about["template"] or no_template(about)),
        ("DynamoDB", f"{about['dynamodb_url']}  {tables}"),
        *(("SQS", f"{url}  {', '.join(about['queues'])}") for url in [about.get("sqs_url")] if url),
        ("Rights", rights(about)),
        ("AWS", about["aws"]),
        ("Processes", f"{processes}, {'replaced' if about['reload'] else 'kept'} on changes"),
        *(("Debugger", text) for text in [about["debugger"]] if text),
        ("Connect", f"{tool()} client {about['websocket_url']}"),
    ]
    return "\n".join(f"{label:<{LABEL_WIDTH}}{text}" for label, text in lines)


RIGHTS = {
    "enforce": "enforced by the functions' roles, as on AWS (--iam warn, --iam off)",
    "warn": "only noted: calls that AWS refuses are allowed (--iam warn)",
    "off": "not checked: calls that AWS refuses are allowed (--iam off)",
}


def rights(about: dict[str, Any]) -> str:
    """Describe what happens to a call that the role of a function does not allow."""
    text = RIGHTS[about["iam"]]
    if about["dynamodb_is_embedded"] or about["iam"] == "off":
        return text
    return f"{text}; DynamoDB checks no rights: only the embedded DynamoDB knows the caller"


def no_template(about: dict[str, Any]) -> str:
    """Describe a stage without a merge template. On AWS, an app with tables needs a template."""
    return (
        "none: on AWS the app needs one, which `decanter template` writes"
        if about["tables"]
        else "none"
    )


def schedules(about: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a line for each scheduled function."""
    off = "" if about["schedules_run"] else ", on request only (--no-schedules)"
    found = sorted(about["schedules"].items())
    return [("Schedule", f"{name}: {when}{off}") for name, when in found]


def functions(about: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a line for each function without a route or schedule, and how to run the first one."""
    found = [each for each in about["functions"] if each["kind"] in EVENT_SOURCES]
    lines = [
        ("Function", f"{each['name']}: {EVENT_SOURCES[each['kind']]} {each['source']}".rstrip())
        for each in found
    ]
    address = about["console_url"].rstrip("/")
    at = "" if address == URL else f" --url {address}"
    return lines + [("Invoke", f"{tool()} invoke {each['name']}{at}") for each in found[:1]]


def aws_text(access: str | None, *, has_queues: bool) -> str:
    """Describe what happens to calls to AWS services that do not run on this machine."""
    here = "DynamoDB, SQS and @connections" if has_queues else "DynamoDB and @connections"
    if access is None:
        return f"no keys: calls to services other than {here} are blocked"
    return f"calls to services other than {here} go to AWS with {access}"


def tool() -> str:
    """Return the command that runs this tool, even if the tool is not on the shell's path."""
    if shutil.which("decanter"):
        return "decanter"
    return f"{os.path.relpath(sys.executable)} -m decanter"


def routes(about: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a line for the selection expression and a line for each route."""
    width = max((len(key) for key in about["routes"]), default=0)
    lines = [("Routes", f"by {about['selection_expression']}")]
    for key, route in about["routes"].items():
        handler = route["handler"] or "not in the app: an error frame"
        kind = ", two-way" if route["two_way"] else ""
        lines.append(("", f"  {key:<{width}}  {route['function']} ({handler}){kind}"))
    if "$default" not in about["routes"]:
        lines.append(("", "  no $default: a message that no route matches gets a Forbidden frame"))
    return lines
