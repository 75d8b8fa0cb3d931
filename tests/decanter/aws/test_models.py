"""botocore's data, with less in it: what is left works as before."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.session import Session

from decanter.aws import models

DATA = Path(botocore.__file__).with_name("data")
SERVICES = ("apigatewaymanagementapi", "dynamodb")


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with three services of some 400."""
    folder = tmp_path_factory.mktemp("data") / "data"
    folder.mkdir()
    for name in (*SERVICES, "sqs"):
        shutil.copytree(DATA / name, folder / name)
    for file in DATA.glob("*.json"):
        shutil.copy(file, folder)
    models.prune(folder, SERVICES)
    return folder


def clients(data: Path, service: str, region: str) -> Iterator[Any]:
    """A client by botocore's own data, and one by this data alone."""
    for loader in (Loader(), Loader([str(data)], include_default_search_paths=False)):
        session = Session()
        session.register_component("data_loader", loader)
        yield session.create_client(
            service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
        )


def test_the_services_that_are_used_are_left(data: Path) -> None:
    assert models.names(data) == list(SERVICES)
    assert [version.name for version in (data / "dynamodb").iterdir()] == ["2012-08-10"]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "us-gov-west-1"])
def test_clients_are_the_same_in_every_partition(service: str, region: str, data: Path) -> None:
    whole, pruned = clients(data, service, region)
    assert pruned.meta.endpoint_url == whole.meta.endpoint_url
    assert pruned.meta.service_model.operation_names == whole.meta.service_model.operation_names


def test_shapes_are_the_same_but_for_their_documentation(data: Path) -> None:
    whole, pruned = clients(data, "dynamodb", "eu-west-1")
    scans = [each.meta.service_model.operation_model("Scan") for each in (whole, pruned)]
    assert list(scans[0].input_shape.members) == list(scans[1].input_shape.members)
    assert scans[0].documentation
    assert scans[1].documentation == ""


def test_a_service_that_is_not_used_is_unknown(data: Path) -> None:
    with pytest.raises(UnknownServiceError):
        Loader([str(data)], include_default_search_paths=False).load_service_model(
            "sqs", "service-2"
        )


def test_less_than_a_fiftieth_is_left(data: Path) -> None:
    size = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
    whole = sum(file.stat().st_size for file in DATA.rglob("*") if file.is_file())
    assert size < whole / 50


def test_resources_of_boto3_go_with_them(tmp_path: Path) -> None:
    for name in ("dynamodb", "sqs"):
        (tmp_path / name).mkdir()
    models.prune_resources(tmp_path, SERVICES)
    assert models.names(tmp_path) == ["dynamodb"]
