"""No command prints a secret: a canary in each place, searched for in all output."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from decanter.aws.inventory import Inventory
from decanter.aws.redaction import Secrets
from decanter.aws.stacks import Stacks
from decanter.aws.status import tell_stack
from decanter.errors import AWSError
from tests.aws.operations import FAILURES
from tests.aws.stage import NAME, Stage

CONFIGURED, WRITTEN, GIVEN = "canary-config-4711", "canary-template-4711", "canary-given-4711"


@pytest.fixture(name="secretive")
def _secretive(stage: Stage) -> Any:
    """A stage with a secret in its configuration, in its template and in a parameter."""
    path = stage.folder / ".chalice" / "config.json"
    before = path.read_text()
    config = json.loads(before)
    config["stages"]["dev"]["environment_variables"]["API_KEY"] = CONFIGURED
    path.write_text(json.dumps(config))
    stage.change = with_secrets
    yield stage
    path.write_text(before)


def with_secrets(template: dict[str, Any]) -> None:
    template["Parameters"]["Password"] = {"Type": "String", "NoEcho": True, "Default": "none"}
    template["Outputs"]["Password"] = {"Value": {"Ref": "Password"}}
    function = template["Resources"]["WebsocketMessage"]["Properties"]
    variables = function.setdefault("Environment", {}).setdefault("Variables", {})
    variables |= {"API_KEY": CONFIGURED, "OTHER": WRITTEN, "PASSWORD": {"Ref": "Password"}}


def without_secrets(template: dict[str, Any]) -> None: ...


def told(stage: Stage, **options: Any) -> str:
    """Return all output of `provision`."""
    try:
        stage.provision(**options)
    except AWSError as error:
        return f"{stage.output}\n{error}"
    return stage.output


def test_no_run_prints_a_secret(secretive: Stage) -> None:
    given = {"parameters": (f"Password={GIVEN}",)}
    reason = f"Value '{WRITTEN}', '{GIVEN}' or '{CONFIGURED}' failed to satisfy constraint"
    FAILURES["WebsocketMessage"] = reason
    output = [told(secretive, noop=True, **given), told(secretive, **given)]
    assert "Value '(hidden)', '(hidden)' or '(hidden)' failed" in output[1]
    FAILURES.clear()
    output.append(told(secretive, **given))
    assert "  Password = (hidden)" in output[-1]
    secretive.change = without_secrets
    output.append(told(secretive, noop=True))
    assert any(line.split() == ["-", '"OTHER":', '"(hidden)",'] for line in secretive.lines)
    FAILURES["ConnectionsTable"] = f"Value '{WRITTEN}' or '{CONFIGURED}' failed"
    secretive.delete()
    assert "Value '(hidden)' or '(hidden)' failed" in secretive.output
    output.append(secretive.output)
    stack = Stacks(secretive.cloud.client("cloudformation")).find(NAME)
    assert stack is not None
    lines: list[str] = []
    aws, secrets = secretive.aws(), Secrets(secretive.project.config.config_from_disk)
    quoting: Any = Quoting()
    tell_stack(stack, aws, Inventory(quoting, hide=secrets.hide), secrets, lines.append)
    assert "ValidationException: Value '(hidden)' or '(hidden)' failed: correct" in lines[-1]
    assert "4711" not in "\n".join([*output, *lines])


class Quoting:
    """A client of any service, whose every call is an error that quotes secrets."""

    def client(self, _service: str) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        message = f"Value '{WRITTEN}' or '{CONFIGURED}' failed"
        error = {"Error": {"Code": "ValidationException", "Message": message}}
        raise ClientError(error, name)


def test_the_error_of_an_invalid_parameter_does_not_print_its_value(secretive: Stage) -> None:
    for argument in (GIVEN, f"Unknown={GIVEN}"):
        with pytest.raises(Exception, match=r"NAME=VALUE|no parameter Unknown") as caught:
            secretive.provision(parameters=(argument,))
        assert "4711" not in str(caught.value)


def test_the_submitted_template_has_all_secrets(secretive: Stage) -> None:
    """Secrets are only hidden in output."""
    secretive.provision(noop=True)
    submitted = Path(secretive.folder / "build" / "submitted.json").read_text()
    assert CONFIGURED in submitted
    assert WRITTEN in submitted
