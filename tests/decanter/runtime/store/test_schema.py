"""The table of a model: declared, in the template, read back from it, created, and used."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    ListAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
    LocalSecondaryIndex,
)
from pynamodb.models import Model

from decanter.aws.template import build, render
from decanter.project.config import Project
from decanter.project.stack import Stack
from decanter.project.tables import create
from decanter.project.template import Template
from decanter.runtime.errors import DeclarationError
from decanter.runtime.store.tables import table
from tests.support.declarations import declaration
from tests.support.projects import write_project

VARIABLE = "DRAWN_TABLE"
STACK = Stack("pour", "dev")
VALUES: dict[str, Any] = {"S": "ann", "N": 7, "B": b"\0x"}
PROJECTIONS = st.sampled_from(["all", "keys", "include"])
TYPES = st.sampled_from("SNB")
CAPACITY: dict[str, Any] = {"read_capacity_units": 2, "write_capacity_units": 3}
BILLINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "on demand": {"billing_mode": "PAY_PER_REQUEST"},
    "provisioned": {"billing_mode": "PROVISIONED", **CAPACITY},
    "of the stack": CAPACITY,
}
_numbers = count()


def attribute(kind: str, **arguments: Any) -> Attribute[Any]:
    if kind == "B":
        return BinaryAttribute(legacy_encoding=False, **arguments)
    return (UnicodeAttribute if kind == "S" else NumberAttribute)(**arguments)


@dataclass(frozen=True)
class Drawn:
    """A drawn model: the types of its key, and its indexes.

    Attributes:
        key: the type of its hash key, and that of its range key, if any.
        indexes: for each index: local or not, the types of its key, its projection, True for a
            name of its own, True for a capacity of its own.
        inherits: True if a base has the attributes.
        expires: True for a TTL attribute.
        billing: a key of `BILLINGS`.
        in_meta: True if its Meta has the billing.
    """

    key: str
    indexes: list[tuple[bool, str, str, bool, bool]]
    inherits: bool
    expires: bool
    billing: str
    in_meta: bool

    def model(self) -> Any:
        """Return the model. PynamoDB sorts attributes by name, so a range key comes first."""
        attributes: dict[str, Any] = {"z_key": attribute(self.key[0], hash_key=True, attr_name="Z")}
        if self.key[1:]:
            attributes["a_key"] = attribute(self.key[1], range_key=True, attr_name="A")
        if self.expires:
            attributes["expires"] = TTLAttribute(null=True, attr_name="ttl")
        indexes = {f"by_{number}": self.index(number, attributes) for number in self.used()}
        base: Any = Model
        if self.inherits:
            base, attributes = type("Base", (Model,), dict(attributes)), {}
        meta = {"Meta": type("Meta", (), BILLINGS[self.billing])} if self.in_meta else {}
        made = type("DrawnModel", (base,), {**attributes, **indexes, **meta})
        arguments = {} if self.in_meta else BILLINGS[self.billing]
        return table(env=VARIABLE, **arguments)(made)

    def used(self) -> Iterator[int]:
        """Yield the indexes that are possible: only a table with a range key has local ones."""
        for number, (local, *_) in enumerate(self.indexes):
            if self.key[1:] or not local:
                yield number

    def index(self, number: int, attributes: dict[str, Any]) -> Any:
        local, key, projection, named, capacity = self.indexes[number]
        kinds = self.key[0] + key[1:] if local else key
        names = ["z_key" if local else f"z{number}", f"a{number}"]
        own: dict[str, Any] = {}
        for name, kind, role in zip(names, kinds, ("hash_key", "range_key"), strict=False):
            stored = attributes[name].attr_name if name in attributes else name.upper()
            attributes.setdefault(name, attribute(kind, attr_name=stored))
            own[name] = attribute(kind, attr_name=stored, **{role: True})
        made = {
            "all": AllProjection(),
            "keys": KeysOnlyProjection(),
            "include": IncludeProjection(["color"]),
        }
        meta: dict[str, Any] = {"projection": made[projection]}
        meta |= {"index_name": f"index-{number}"} if named else {}
        meta |= {"read_capacity_units": 9, "write_capacity_units": 9} if capacity else {}
        base: Any = LocalSecondaryIndex if local else GlobalSecondaryIndex
        return type(f"By{number}", (base,), {"Meta": type("Meta", (), meta), **own})()


INDEXES = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(TYPES, st.tuples(TYPES, TYPES).map("".join)),
        PROJECTIONS,
        st.booleans(),
        st.booleans(),
    ),
    max_size=3,
)
MODELS = st.builds(
    Drawn,
    key=st.one_of(TYPES, st.tuples(TYPES, TYPES).map("".join)),
    indexes=INDEXES,
    inherits=st.booleans(),
    expires=st.booleans(),
    billing=st.sampled_from([*BILLINGS]),
    in_meta=st.booleans(),
)


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.load(write_project(tmp_path_factory.mktemp("schema") / "p"))


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=MODELS)
def test_a_declared_table_can_be_made_from_the_template_and_used(
    drawn: Drawn, project: Project, aws_environment: None
) -> None:
    model = drawn.model()
    document = json.loads(render(project, declaration(model.__decanter__())))
    (made,) = Template(document, STACK).tables()
    made = replace(made, arguments={**made.arguments, "TableName": f"drawn-{next(_numbers)}"})
    create(boto3.client("dynamodb"), made)
    os.environ[VARIABLE] = made.name
    names = {name: each.attr_type for name, each in model.get_attributes().items()}
    values = {name: VALUES[kind] for name, kind in names.items() if name != "expires"}
    model(**values).save()
    assert [each.z_key for each in model.query(values["z_key"])] == [values["z_key"]]
    for name in (f"by_{number}" for number in drawn.used()):
        index = getattr(model, name)
        hashed = next(it for it, a in index.Meta.attributes.items() if a.is_hash_key)
        assert [each.z_key for each in index.query(values[hashed])] == [values["z_key"]]
    model.delete_table()
    del os.environ[VARIABLE]


class ByTeam(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    class Meta:
        index_name = "by_team"
        projection = AllProjection()

    team = UnicodeAttribute(hash_key=True)
    age = NumberAttribute(range_key=True)


class Aged(Model):
    name = UnicodeAttribute(hash_key=True)
    team = UnicodeAttribute()
    age = NumberAttribute()
    by_team = ByTeam()


@table(env="PLAYERS_TABLE")
class Player(Aged):
    pass


@table(env="COACHES_TABLE", **CAPACITY)
class Coach(Aged):
    pass


class Captain(Player):
    """It has its base's table."""


def resource(project: Project, model: Any) -> dict[str, Any]:
    resources = build(project, declaration(model.__decanter__()))["Resources"]
    (found,) = (it for it in resources.values() if it.get("Type") == "AWS::DynamoDB::Table")
    return dict(found)


def test_models_on_one_base_have_a_table_each(project: Project) -> None:
    """It has the base's attributes and indexes. Data is not deleted with the stack."""
    player, coach = Player.__decanter__(), Coach.__decanter__()  # type: ignore[attr-defined]
    assert (player["logical_id"], coach["logical_id"]) == ("PlayersTable", "CoachesTable")
    assert player["global_indexes"] == coach["global_indexes"]
    assert player["global_indexes"][0]["KeySchema"] == [
        {"AttributeName": "team", "KeyType": "HASH"},
        {"AttributeName": "age", "KeyType": "RANGE"},
    ]
    found = resource(project, Player)
    assert (found["DeletionPolicy"], found["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert found["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert not hasattr(Aged, "__decanter__")


def test_a_subclass_without_the_decorator_has_its_bases_table() -> None:
    assert Captain.__decanter__() == Player.__decanter__()  # type: ignore[attr-defined]


def test_without_billing_a_table_is_on_demand_in_every_stage(project: Project) -> None:
    template = build(project, declaration(Player.__decanter__()))  # type: ignore[attr-defined]
    assert "TableBillingMode" not in template.get("Parameters", {})
    properties = resource(project, Player)["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in json.dumps(properties)


def test_a_capacity_alone_is_used_where_the_parameter_says_so(project: Project) -> None:
    """This applies to the table and each of its global indexes."""
    properties = resource(project, Coach)["Properties"]
    units = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3}
    capacity = {"Fn::If": ["TablesAreProvisioned", units, {"Ref": "AWS::NoValue"}]}
    assert properties["BillingMode"] == {"Ref": "TableBillingMode"}
    assert properties["ProvisionedThroughput"] == capacity
    assert properties["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == capacity


def with_meta(**settings_of_meta: Any) -> Any:
    meta = type("Meta", (), settings_of_meta)
    return type("Odd", (Model,), {"key": UnicodeAttribute(hash_key=True), "Meta": meta})


@pytest.mark.parametrize(
    ("meta", "arguments", "problem"),
    [
        ({"region": "eu-west-1"}, {}, "its Meta must not set region: @table sets the rest"),
        ({"table_name": "t", "host": "h"}, {}, "its Meta must not set host, table_name"),
        ({"billing_mode": "CHEAP"}, {}, "must be PROVISIONED or PAY_PER_REQUEST, not 'CHEAP'"),
        ({"billing_mode": "PROVISIONED"}, {}, "units must be 1 or more"),
        ({"read_capacity_units": 5}, {}, "units must be 1 or more"),
        ({"read_capacity_units": 5, "write_capacity_units": 0}, {}, "must be 1 or more"),
        ({"billing_mode": "PAY_PER_REQUEST", **CAPACITY}, {}, "PAY_PER_REQUEST has no read_cap"),
        (CAPACITY, {"billing_mode": "PROVISIONED"}, "either in Meta or as an argument"),
        ({}, {"env": "SCORES TABLE"}, "env must name an environment variable"),
        ({}, {"existing": ""}, "existing='' is not a table's name, its ARN"),
        ({}, {"existing": "my table"}, "or an SSM parameter"),
        ({}, {"existing": "arn:aws:s3:::scores"}, "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME"),
        ({}, {"existing": "{{resolve:secretsmanager:scores}}"}, "is not a table's name"),
    ],
)
def test_the_decorator_refuses_invalid_arguments(
    meta: dict[str, Any], arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DeclarationError, match=r"^@table of Odd: ") as refused:
        table(**{"env": "ODD_TABLE", **arguments})(with_meta(**meta))
    assert problem in str(refused.value)


def test_a_meta_of_pynamodbs_defaults_is_accepted() -> None:
    assert table(env="ODD_TABLE")(with_meta()).__decanter__()["billing_mode"] == "PAY_PER_REQUEST"


def local_index(key: Attribute[Any]) -> Any:
    meta = type("Meta", (), {"projection": AllProjection(), "index_name": "odd"})
    own = {"Meta": meta, "key": key, "a": NumberAttribute(range_key=True)}
    return type("ByA", (LocalSecondaryIndex,), own)()


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({}, "it needs one hash key"),
        ({"a": NumberAttribute(range_key=True)}, "it needs one hash key"),
        ({"key": ListAttribute(hash_key=True)}, "the key key has type L, not S, N, B"),
        (
            {"key": UnicodeAttribute(hash_key=True), "by": local_index(UnicodeAttribute())},
            "local index odd needs one hash key",
        ),
        (
            {"key": UnicodeAttribute(hash_key=True), "by": local_index(UnicodeAttribute(True))},
            "local index odd must have the table's hash key, key, and the table needs a range key",
        ),
        (
            {
                "key": UnicodeAttribute(hash_key=True),
                "r": UnicodeAttribute(range_key=True),
                "by": local_index(NumberAttribute(hash_key=True)),
            },
            "the key key has the types S and N",
        ),
    ],
)
def test_a_table_that_dynamodb_would_refuse_is_one_line(
    attributes: dict[str, Any], problem: str
) -> None:
    model: Any = table(env="ODD_TABLE")(type("Odd", (Model,), attributes))
    with pytest.raises(DeclarationError, match=r"^the table of Odd: ") as refused:
        model.__decanter__()
    assert problem in str(refused.value)


def functions_variable(project: Project, existing: str) -> tuple[Any, dict[str, Any]]:
    model: Any = table(env="OLD_TABLE", existing=existing)(with_meta())
    template = build(project, declaration(model.__decanter__()))
    function = template["Resources"]["WebsocketMessage"]["Properties"]
    return function["Environment"]["Variables"]["OLD_TABLE"], template


@pytest.mark.parametrize(
    ("existing", "value"),
    [
        ("orders", "orders"),
        (
            "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
        ),
        ("ssm:/prod/orders", "{{resolve:ssm:/prod/orders}}"),
        ("{{resolve:ssm:/prod/orders:3}}", "{{resolve:ssm:/prod/orders:3}}"),
    ],
)
def test_an_existing_table_is_named_and_not_made(
    existing: str, value: str, project: Project
) -> None:
    found, template = functions_variable(project, existing)
    assert found == value
    kinds = [resource.get("Type") for resource in template["Resources"].values()]
    assert "AWS::DynamoDB::Table" not in kinds
    assert "OldTable" not in json.dumps(template)
    assert template["Metadata"]["Decanter"]["Existing"] == [value]


@pytest.mark.parametrize(
    ("existing", "name"),
    [
        ("orders", "orders"),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/orders", "orders"),
        ("ssm:/prod/orders", "pour-dev-OldTable"),
    ],
)
def test_an_existing_table_is_made_on_this_machine(
    existing: str, name: str, tmp_path: Path
) -> None:
    folder = write_project(tmp_path / "p")
    project = Project.load(folder)
    model: Any = table(env="OLD_TABLE", existing=existing)(with_meta())
    declared = declaration(model.__decanter__())
    (folder / ".chalice" / "resources.json").write_text(render(project, declared))
    template = project.template()
    assert [made.name for made in project.tables(declared, template)] == [name]
    named = project.table_variables(declared, template)
    assert named["websocket_message"] == {"OLD_TABLE": name}
    assert project.declared_tables(declared) == []
