import pytest

from decanter.runtime.errors import SettingError
from decanter.runtime.fanout.endpoint import management_endpoint
from decanter.runtime.settings import Settings
from tests.support.events import request_context

CUSTOM = request_context("$default", "MESSAGE", domainName="ws.example.com")


def test_a_setting_takes_precedence() -> None:
    settings = Settings(management_endpoint="http://127.0.0.1:8000/v1")
    assert management_endpoint(CUSTOM, settings) == "http://127.0.0.1:8000/v1"


def test_the_apis_own_domain_serves_its_connections() -> None:
    context = request_context("$default", "MESSAGE")
    url = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1"
    assert management_endpoint(context, Settings()) == url


@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("eu-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-gov-west-1", "amazonaws.com"),
        ("xx-unknown", "amazonaws.com"),
    ],
)
def test_behind_a_custom_domain_it_is_built_from_id_region_and_partition(
    region: str, suffix: str
) -> None:
    url = f"https://a1b2c3d4e5.execute-api.{region}.{suffix}/v1"
    assert management_endpoint(CUSTOM, Settings(region=region)) == url


def test_a_domain_that_only_looks_like_the_apis_is_a_custom_one() -> None:
    context = request_context("$default", "MESSAGE", domainName="a1b2c3d4e5.example.com")
    url = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1"
    assert management_endpoint(context, Settings(region="eu-west-1")) == url


def test_behind_a_custom_domain_a_region_is_needed() -> None:
    with pytest.raises(SettingError, match="AWS_REGION is not set"):
        management_endpoint(CUSTOM, Settings())
