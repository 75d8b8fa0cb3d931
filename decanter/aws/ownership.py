"""The owner of a stack: `Metadata.Decanter` of its template names the app and the stage.

The mark is in the template, so every tool that creates a stack from the template gives the stack
this mark. Names are not enough, because app `chat` at stage `eu-dev` and app `chat-eu` at stage
`dev` have the same default stack name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decanter.aws.changes import NAME, ChangeSets
from decanter.aws.stacks import Stack, Stacks, Template
from decanter.aws.steps import Clock
from decanter.errors import AWSError
from decanter.project.config import Project

SOURCES = "Sources"
"""The mark's member with each function's kind and source, by logical id, for a diagram."""

EXISTING = "Existing"
"""The mark's member with the tables that the stack uses but does not own."""


@dataclass(frozen=True)
class Owner:
    """The stage that a stack belongs to.

    Attributes:
        app: the app's name in `.chalice/config.json`.
        stage: the Chalice stage.
    """

    app: str
    stage: str

    @classmethod
    def of(cls, project: Project) -> "Owner":
        """Return a project's stage."""
        return cls(project.app_name, project.chalice_stage)

    @classmethod
    def marked(cls, template: Template) -> "Owner | None":
        """Return the stage that a template names; None if the template names no stage."""
        mark = mark_of(template)
        app, stage = mark.get("App"), mark.get("Stage")
        return cls(app, stage) if isinstance(app, str) and isinstance(stage, str) else None

    @property
    def mark(self) -> dict[str, str]:
        """Return the content of `Metadata.Decanter`."""
        return {"App": self.app, "Stage": self.stage}

    def __str__(self) -> str:
        return f"app {self.app}, stage {self.stage}"


def mark_of(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `Metadata.Decanter` of a template; empty if the template has no such metadata."""
    metadata = template.get("Metadata")
    mark = metadata.get("Decanter") if isinstance(metadata, dict) else None
    return mark if isinstance(mark, dict) else {}


@dataclass(frozen=True)
class Claim:
    """The right of a stage to change a stack.

    Attributes:
        client: botocore's CloudFormation client.
        owner: the stage.
        adopt: the name of an unmarked stack that belongs to the stage, or None.
    """

    client: Any
    owner: Owner
    adopt: str | None = None

    def check_name(self, name: str) -> None:
        """Refuse to adopt a stack that the command does not change.

        Raises:
            AWSError: `--adopt` names another stack.
        """
        if self.adopt not in {None, name}:
            raise AWSError(
                f"--adopt {self.adopt} is not the stack in use, {name}: name it with --stack-name"
            )

    def check(self, stack: Stack) -> Template:
        """Refuse a stack that belongs to another stage. This method only reads.

        Returns:
            The stack's template; empty if the stack has only a change set.

        Raises:
            AWSError: the stack belongs to another stage, or is unmarked and not adopted.
        """
        self.check_name(stack.name)
        if stack.status == "REVIEW_IN_PROGRESS":
            return self._check_change_sets(stack)
        template = Stacks(self.client).template(stack)
        self._check_template(stack.name, template)
        return template

    def owns(self, name: str, template: Template) -> bool:
        """True if a stack's template has the stage's mark, or is unmarked and adopted."""
        owner = Owner.marked(template)
        return owner == self.owner or (owner is None and self.adopt == name)

    def _check_template(self, name: str, template: Template) -> None:
        if self.owns(name, template):
            return
        if (owner := Owner.marked(template)) is not None:
            raise AWSError(
                f"stack {name} belongs to {owner}, not to {self.owner}: give this stage its "
                "own stack with --stack-name NAME"
            )
        raise AWSError(
            f"stack {name} is unmarked, so it may not belong to {self.owner}. If it does (Decanter "
            f"0.1 wrote no marks), use --adopt {name}; if not, use --stack-name NAME"
        )

    def _check_change_sets(self, stack: Stack) -> Template:
        """Refuse a stack with another tool's change set.

        A stack without any change set has no owner.
        """
        change_sets = ChangeSets(self.client, Clock())
        names = change_sets.names(stack)
        if others := [name for name in names if name != NAME]:
            raise AWSError(
                f"stack {stack.name} is being created by another tool, change set {others[0]}: "
                "give this stage its own stack with --stack-name NAME"
            )
        if not names:
            return {}
        template = change_sets.template(stack)
        self._check_template(stack.name, template)
        return template
