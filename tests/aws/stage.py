"""One stage of a small project, deployed to the tests' AWS in this process."""

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decanter.aws.conflicts import refuse_provisioned_stage
from decanter.aws.delete import Deletion
from decanter.aws.package import Package
from decanter.aws.provision import Order, Provision
from decanter.aws.session import AWS
from decanter.aws.steps import Clock
from decanter.aws.table import act, claimed, declared
from decanter.aws.template import build
from decanter.project.config import Project
from decanter.project.describe import describe
from tests.aws.calls import Wire, Wired
from tests.aws.cloud import BUCKET, REGION, Cloud
from tests.support import forked
from tests.support.projects import clean_environment, write_project

NAME = "pour-dev"
PACKAGED = "packaged"
TEMPLATE = ".chalice/resources.json"


def packaged(folder: Path) -> Path:
    """Return a project, with Chalice's SAM template next to a zip of its app."""
    project = Project.load(write_project(folder), "dev")
    template = build(project, describe(project, clean_environment()))
    (folder / TEMPLATE).write_text(json.dumps(template))
    command = "import sys; from chalice.cli import main; sys.exit(main())"
    forked.run(
        [sys.executable, "-c", command, "package", "--merge-template", TEMPLATE, PACKAGED],
        cwd=folder,
        env=clean_environment() | {"AWS_DEFAULT_REGION": REGION},
        check=True,
        capture_output=True,
        timeout=120,
    )
    with zipfile.ZipFile(folder / PACKAGED / "deployment.zip", "w") as archive:
        archive.write(folder / "app.py", "app.py")
    return folder


@dataclass
class Stage:
    """A stage, and the commands that deploy and delete it.

    Attributes:
        folder: the project's folder.
        cloud: the AWS that it uses.
        wired: the session of the commands.
        clients: its clients.
        lines: the output of the last command.
        change: changes the packaged template before it is submitted.
    """

    folder: Path
    cloud: Cloud
    wired: Wired
    clients: AWS
    lines: list[str] = field(default_factory=list)
    change: Callable[[dict[str, Any]], None] = lambda template: None

    @property
    def project(self) -> Project:
        return Project.load(self.folder, "dev")

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def provision(
        self, wire: Wire | None = None, *, noop: bool = False, wait: bool = True, **order: Any
    ) -> int:
        """Run `decanter provision`."""
        self.lines.clear()
        wanted = Order(BUCKET, NAME, self.folder / "build", wait=wait, **order)
        project = self.project
        declaration = describe_once(project)
        run = Provision(
            project, declaration, wanted, self.aws(wire), self.lines.append, CLOCK, self.package
        )
        return run.preview() if noop else run.run()

    def delete(
        self, wire: Wire | None = None, *, keep_tables: bool = False, adopt: str | None = None
    ) -> int:
        """Run `decanter delete --yes`."""
        self.lines.clear()
        deletion = Deletion(
            self.aws(wire), self.project, NAME, self.lines.append, CLOCK, adopt=adopt
        )
        if (stack := deletion.find()) is None:
            deletion.nothing(BUCKET)
            return 0
        return deletion.run(stack, keep_tables=keep_tables)

    def table(self, action: str, wire: Wire | None = None, *, adopt: str | None = None) -> int:
        """Run `decanter table --yes`."""
        tables = declared(self.project, describe_once(self.project))
        aws = self.aws(wire)
        if action == "create":
            refuse_provisioned_stage(self.project, aws, self.lines.append)
        claimed(action, aws, tables, adopt)
        return act(action, aws, tables)

    @property
    def api_id(self) -> str:
        """The id of the only API."""
        (api,) = self.cloud.client("apigatewayv2").get_apis()["Items"]
        return str(api["ApiId"])

    @property
    def routes(self) -> set[str]:
        """The live routes."""
        return set(self.cloud.live(self.api_id, "v1")["routes"])

    def aws(self, wire: Wire | None = None) -> AWS:
        self.wired.wire = wire or Wire()
        return self.clients

    def package(self, project: Project, out: Path, **_: Any) -> Package:
        """Return the result of `decanter package`, from one run of Chalice."""
        out.mkdir(exist_ok=True)
        source = self.folder / PACKAGED
        template = json.loads((source / "sam.json").read_text())
        self.change(template)
        path = out / "sam.json"
        path.write_text(json.dumps(template))
        content = (source / "deployment.zip").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        return Package(source / "deployment.zip", path, digest, "python3.13", len(content))


def with_route(key: str) -> Callable[[dict[str, Any]], None]:
    """Change the template as an additional route in app.py does."""

    def change(template: dict[str, Any]) -> None:
        resources = template["Resources"]
        old = next(name for name in resources if name.startswith("WebsocketAPIDeployment0"))
        route, deployment = f"Route{key.title()}", f"WebsocketAPIDeployment{key.title()}"
        target = ["/", ["integrations", {"Ref": "WebsocketMessageAPIIntegration"}]]
        resources[route] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "WebsocketAPI"},
                "RouteKey": key,
                "Target": {"Fn::Join": target},
            },
        }
        resources[deployment] = resources.pop(old)
        resources[deployment]["DependsOn"].append(route)
        resources["WebsocketAPIStage"]["Properties"]["DeploymentId"] = {"Ref": deployment}

    return change


CLOCK = Clock(now=lambda: 0.0, sleep=lambda seconds: None)
_DESCRIBED: dict[Path, Any] = {}


def describe_once(project: Project) -> Any:
    """Return the app's declarations; computed once."""
    if project.directory not in _DESCRIBED:
        _DESCRIBED[project.directory] = describe(project, clean_environment())
    return _DESCRIBED[project.directory]
