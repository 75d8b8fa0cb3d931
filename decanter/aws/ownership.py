"""The owner of a stack: an app at a stage. The mark in the stack's template names the owner.

The mark is `Metadata.Decanter`. Every tool that creates a stack from the template also copies the
mark. The name of a stack is not enough, because app `chat-eu` at stage `dev` and app `chat` at
stage `eu-dev` have the same default stack name.
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
"""The member of the mark with the event sources of non-WebSocket functions, for `describe`."""

EXISTING = "Existing"
"""The member of the mark that lists the tables that the stack uses but does not own."""


@dataclass(frozen=True)
class Owner:
    """The app, by its configured name, and the Chalice stage that own a stack."""

    app: str
    stage: str

    @classmethod
    def of(cls, project: Project) -> "Owner":
        """Return the app and the stage of a project."""
        return cls(project.app_name, project.chalice_stage)

    @classmethod
    def marked(cls, template: Template) -> "Owner | None":
        """Return the owner that a template names; None if the template has no mark."""
        mark = mark_of(template)
        app, stage = mark.get("App"), mark.get("Stage")
        return cls(app, stage) if isinstance(app, str) and isinstance(stage, str) else None

    @property
    def mark(self) -> dict[str, str]:
        """Return the members of the mark that name the owner."""
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
    """Checks that a stage owns a stack, so that a command may change the stack.

    `adopt` is the name of an unmarked stack that the user assigns to the stage, or None.
    """

    client: Any
    owner: Owner
    adopt: str | None = None

    def check_name(self, name: str) -> None:
        """Raise an AWSError if `--adopt` names a stack other than the one in use."""
        if self.adopt not in {None, name}:
            raise AWSError(
                f"--adopt {self.adopt} is not the stack in use, {name}: name it with --stack-name"
            )

    def check(self, stack: Stack) -> Template:
        """Check that a stack belongs to the stage. The check changes nothing.

        Returns:
            The stack's template. For a stack in REVIEW_IN_PROGRESS, the template of Decanter's
            change set; empty if there is no change set.

        Raises:
            AWSError: the stack belongs to another stage, another tool is creating the stack, or the
                stack has no mark and `adopt` does not name it.
        """
        self.check_name(stack.name)
        if stack.status == "REVIEW_IN_PROGRESS":
            return self._check_change_sets(stack)
        template = Stacks(self.client).template(stack)
        self._check_template(stack.name, template)
        return template

    def owns(self, name: str, template: Template) -> bool:
        """True if a stack's template has the stage's mark, or has no mark and is adopted."""
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
            f"stack {name} is unmarked, so its owner is unknown. If it belongs to {self.owner} "
            f"(Decanter 0.1 wrote no marks), use --adopt {name}; if not, use --stack-name NAME"
        )

    def _check_change_sets(self, stack: Stack) -> Template:
        """Check a stack that has only change sets. Refuse change sets of other tools.

        Without any change set, the stack has no owner.
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
