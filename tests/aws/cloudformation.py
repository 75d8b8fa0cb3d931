"""Additions to moto's CloudFormation: SAM, the rules of change sets, both stages of a template.

Source: AWS CloudFormation User Guide, "Updating stacks using change sets".
"""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import (
    ChangeSet,
    CloudFormationBackend,
    Stack,
)
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from tests.aws.operations import move, operate, remove, replacement, watch_resources

SAM = "AWS::Serverless-2016-10-31"
NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)

# moto returns all of them, without paging. Small pages are quick to write and to read.
EVENTS_AT_ONCE = 20

ORIGINALS: dict[str, str] = {}
"""The template that was submitted, by the id of the change set, then of the stack."""


@cache
def translate(template: str, region: str = "us-east-1") -> str:
    """Return the result of the macro AWS::Serverless for a template."""
    document = json.loads(template)
    if document.get("Transform") != SAM:
        return template
    from samtranslator.parser.parser import Parser  # slow to import, and few tests need it
    from samtranslator.policy_template_processor.processor import PolicyTemplatesProcessor
    from samtranslator.translator.translator import Translator

    # Its check of its own file takes most of a translation.
    setattr(PolicyTemplatesProcessor, "_is_valid_templates_dict", lambda *_: True)  # noqa: B010
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    return json.dumps(translator.translate(document, parameter_values={}))


def live_stack(backend: CloudFormationBackend, name: str) -> Stack | None:
    found = (s for s in backend.stacks.values() if name in (s.name, s.stack_id))
    return next(found, None)


class Backend(CloudFormationBackend):
    """Operations with rules that moto lacks."""

    def create_change_set(  # type: ignore[override]
        self, stack_name: str, change_set_name: str, template: str, **wanted: Any
    ) -> tuple[str, str]:
        stack, creating = live_stack(self, stack_name), wanted["change_set_type"] == "CREATE"
        if stack is None and not creating:
            raise ValidationError(message=f"Stack [{stack_name}] does not exist")
        if stack is not None and creating != (stack.status == "REVIEW_IN_PROGRESS"):
            raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state")
        if stack is not None and stack.status.startswith("ROLLBACK_"):
            raise ValidationError(message=f"{stack.stack_id} is in {stack.status} state")
        if stack is not None and creating:
            del self.stacks[stack.stack_id]  # CloudFormation continues with the same stack
        stack_name = stack_name if stack is None else stack.name  # moto does not accept an ARN here
        translated = translate(template, self.region_name)
        identifier, stack_id = BASE["create_change_set"](
            self, stack_name, change_set_name, translated, **wanted
        )
        change_set = self.change_sets[identifier]
        tell(change_set)
        if not creating and changes_nothing(stack_id, template, change_set):
            change_set.status, change_set.status_reason = "FAILED", NO_CHANGES
        ORIGINALS[identifier] = template
        return identifier, stack_id

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:
        change_set = self.describe_change_set(change_set_name)
        assert change_set is not None
        stack, original = self.stacks[change_set.stack_id], ORIGINALS[change_set.change_set_id]
        forget_change_sets(self, change_set.stack_id)
        ORIGINALS.setdefault(stack.stack_id, original)
        operate(stack, change_set.change_set_type, change_set.template, change_set.parameters)
        if stack.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            ORIGINALS[stack.stack_id] = original

    def update_stack(self, name: str, template: str, *args: Any, **wanted: Any) -> Stack:
        """Update a stack; parameters keep their values: no test needs more."""
        stack = self.get_stack(name)
        operate(stack, "UPDATE", template, stack.parameters)
        return stack

    def delete_change_set(self, change_set_name: str) -> None:
        self.change_sets.pop(change_set_name, None)

    def delete_stack(self, name_or_stack_id: str) -> None:
        if (stack := live_stack(self, name_or_stack_id)) is None:
            return
        move(stack, "DELETE_IN_PROGRESS", "User Initiated")
        forget_change_sets(self, stack.stack_id)
        try:
            remove(stack)
        except Exception:  # noqa: BLE001 - whatever a resource raises fails the stack
            move(stack, "DELETE_FAILED", "The following resource(s) failed to delete")
            return
        move(stack, "DELETE_COMPLETE")
        self.deleted_stacks[stack.stack_id] = self.stacks.pop(stack.stack_id)


def tell(change_set: ChangeSet) -> None:
    """Add to each change the policy action, because moto leaves it out."""
    resources = change_set.stack.resource_map
    new = change_set.template_dict["Resources"]
    for change in change_set.changes:
        name, told = change.logical_resource_id, vars(change)
        if change.action == "Add":
            continue
        old = resources._resource_json_map[name]
        there = resources._parsed_resources.get(name)
        told["physical_resource_id"] = getattr(there, "physical_resource_id", None)
        if change.action == "Remove":
            told["policy_action"] = old.get("DeletionPolicy", "Delete")
            continue
        told["replacement"] = replacement(old, new[name])
        if told["replacement"] == "True":
            told["policy_action"] = "ReplaceAnd" + new[name].get("UpdateReplacePolicy", "Delete")


def changes_nothing(stack_id: str, template: str, change_set: ChangeSet) -> bool:
    """True if only the template's Metadata differs: CloudFormation does not count it."""
    old = json.loads(ORIGINALS[stack_id])
    new = json.loads(template)
    same_parameters = change_set.stack.parameters == change_set.parameters
    return bool(without_metadata(old) == without_metadata(new) and same_parameters)


def without_metadata(template: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in template.items() if key != "Metadata"}


def forget_change_sets(backend: CloudFormationBackend, stack_id: str) -> None:
    for key in [k for k, v in backend.change_sets.items() if v.stack_id == stack_id]:
        del backend.change_sets[key]


class Responses(CloudFormationResponse):
    """Operations whose answers in moto cover all stacks, or only one stage of a template."""

    def list_change_sets(self) -> ActionResult:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        every = self.cloudformation_backend.list_change_sets()
        of_stack = [each for each in every if each.stack_id == stack.stack_id]
        start = int(self._get_param("NextToken") or 0)  # a page has one change set
        more = {"NextToken": str(start + 1)} if start + 1 < len(of_stack) else {}
        return ActionResult({"Summaries": of_stack[start : start + 1], **more})

    def describe_stack_events(self) -> ActionResult:
        events = self.cloudformation_backend.describe_stack_events(self._get_param("StackName"))
        start = int(self._get_param("NextToken") or 0)
        end = start + EVENTS_AT_ONCE
        more = {"NextToken": str(end)} if end < len(events) else {}
        return ActionResult({"StackEvents": events[::-1][start:end], **more})

    def get_template(self) -> ActionResult:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        if name := self._get_param("ChangeSetName"):
            change_set = self.cloudformation_backend.describe_change_set(name)
            assert change_set is not None
            return ActionResult({"TemplateBody": ORIGINALS[change_set.change_set_id]})
        original = self._get_param("TemplateStage", "Original") == "Original"
        body = ORIGINALS.get(stack.stack_id, "") if original else stack.template
        return ActionResult({"TemplateBody": copy.deepcopy(body)})


def parse_as_json() -> None:
    """Parse templates as JSON: all are JSON, and moto's YAML parser is slow."""

    def parse(self: ChangeSet) -> None:
        self.template_dict = json.loads(self.template)

    setattr(ChangeSet, "_parse_template", parse)  # noqa: B010 - as mypy sees a method
    setattr(Stack, "parse_template", staticmethod(json.loads))  # noqa: B010


BASE: dict[str, Callable[..., Any]] = {}


def install() -> None:
    """Add it to moto, once."""
    if BASE:
        return
    BASE["create_change_set"] = CloudFormationBackend.create_change_set
    for name in (
        "create_change_set",
        "execute_change_set",
        "delete_change_set",
        "update_stack",
        "delete_stack",
    ):
        setattr(CloudFormationBackend, name, vars(Backend)[name])
    for name in ("list_change_sets", "describe_stack_events", "get_template"):
        setattr(CloudFormationResponse, name, vars(Responses)[name])
    parse_as_json()
    watch_resources()
