"""Local values of names and pseudo parameters."""

import pytest
from chalice.utils import to_cfn_resource_name
from hypothesis import example, given
from hypothesis import strategies as st

from decanter.project.stack import Stack, logical_id, resource_name


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("websocket_connect", "WebsocketConnect"),
        ("api_handler", "APIHandler"),
        ("clean_up", "CleanUp"),
    ],
)
def test_a_functions_logical_id_is_chalices(function: str, expected: str) -> None:
    assert logical_id(function) == expected


@given(st.text(min_size=1) | st.text("aZ9-_.ß\n", min_size=1))
@example("a-_b--c_.d")
def test_a_resources_name_is_chalices(name: str) -> None:
    assert resource_name(name) == to_cfn_resource_name(name)


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("us-east-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)
def test_the_partition_follows_the_region(region: str, partition: str, suffix: str) -> None:
    references = Stack("pour", "dev", region=region).references()
    assert references["AWS::Partition"] == partition
    assert references["AWS::URLSuffix"] == suffix
    assert references["AWS::Region"] == region


def test_chalices_own_resources_have_names() -> None:
    references = Stack("pour", "dev", api_id="abc", api_stage="v1").references()
    assert references["WebsocketAPI"] == "abc"
    assert references["WebsocketAPIStage"] == "v1"
    assert references["WebsocketMessage"] == "pour-dev-websocket_message"
    assert references["APIHandler"] == "pour-dev"
    assert references["AWS::StackName"] == "pour-dev"


def test_an_arn_has_region_and_account() -> None:
    arn = Stack("pour", "dev", region="eu-west-1").arn("dynamodb", "table/t")
    assert arn == "arn:aws:dynamodb:eu-west-1:123456789012:table/t"
