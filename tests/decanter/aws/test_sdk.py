"""A smaller copy of botocore's data works as before."""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.session import Session

from decanter.aws import sdk as models
from decanter.errors import ProjectError

DATA = Path(botocore.__file__).with_name("data")
SERVICES = {"apigatewaymanagementapi", "dynamodb", "lambda", "s3", "secretsmanager"}


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with a few of about 400 services, then one of them removed."""
    folder = tmp_path_factory.mktemp("data") / "data"
    folder.mkdir()
    for name in (*SERVICES, "sqs"):
        shutil.copytree(DATA / name, folder / name)
    for file in DATA.glob("*.json"):
        shutil.copy(file, folder)
    models.remove(folder, ["sqs", "not-there"])
    models.compact(folder)
    models.prune_endpoints(folder)
    return folder


@pytest.fixture(name="sessions", scope="module")
def _sessions(data: Path) -> list[Session]:
    """A session with botocore's own data, and one with the smaller copy."""
    sessions = []
    for loader in (Loader(), Loader([str(data)], include_default_search_paths=False)):
        session = Session()
        session.register_component("data_loader", loader)
        session.set_credentials("a", "b")
        sessions.append(session)
    return sessions


def clients(sessions: list[Session], service: str, region: str) -> Iterator[Any]:
    for session in sessions:
        yield session.create_client(service, region_name=region)


def files(folder: Path) -> set[str]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)).removesuffix(".gz") for file in found}


def test_a_kept_service_keeps_all_its_files(data: Path) -> None:
    assert models.names(data) == SERVICES
    for service in SERVICES:
        assert files(data / service) == files(DATA / service)
    assert {file for file in files(data) if "/" not in file} == {
        *("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
    }


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_each_file_is_read_as_before(service: str, sessions: list[Session]) -> None:
    whole, left = (session.get_component("data_loader") for session in sessions)
    for file in files(DATA / service):
        version, _, name = file.removesuffix(".json").partition("/")
        path = f"{service}/{version}/{name}"
        assert undocumented(whole.load_data(path)) == undocumented(left.load_data(path))


def undocumented(value: Any) -> Any:
    """Return a model without its documentation, for comparison."""
    if isinstance(value, dict):
        members = {k: v for k, v in value.items() if k != "documentation" or isinstance(v, dict)}
        return {key: undocumented(member) for key, member in members.items()}
    return [undocumented(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("service", sorted(SERVICES))
@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "us-gov-west-1"])
def test_clients_are_the_same_in_every_partition(
    service: str, region: str, sessions: list[Session]
) -> None:
    whole, left = clients(sessions, service, region)
    assert left.meta.endpoint_url == whole.meta.endpoint_url
    assert left.meta.service_model.operation_names == whole.meta.service_model.operation_names
    assert left.waiter_names == whole.waiter_names
    for method in whole.meta.method_to_api_mapping:
        assert left.can_paginate(method) == whole.can_paginate(method)


def test_the_address_of_an_object_can_be_signed(sessions: list[Session]) -> None:
    """Each call to S3 reads the documentation of the client's own parameters."""
    _, left = clients(sessions, "s3", "eu-west-1")
    target = {"Bucket": "pictures", "Key": "cat.png"}
    address = left.generate_presigned_url("get_object", Params=target)
    assert ".amazonaws.com/cat.png?" in address


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_parameters_of_a_client_are_the_same(service: str, sessions: list[Session]) -> None:
    whole, left = (
        each.meta.service_model.client_context_parameters
        for each in clients(sessions, service, "eu-west-1")
    )
    assert left == whole


def test_regions_of_a_service_are_the_same(sessions: list[Session]) -> None:
    whole, left = (session.get_available_regions("s3") for session in sessions)
    assert left == whole
    assert left


def test_shapes_are_the_same_except_documentation(sessions: list[Session]) -> None:
    whole, left = clients(sessions, "dynamodb", "eu-west-1")
    scans = [each.meta.service_model.operation_model("Scan") for each in (whole, left)]
    assert list(scans[0].input_shape.members) == list(scans[1].input_shape.members)
    assert scans[0].documentation
    assert scans[1].documentation == ""


def test_a_removed_service_is_unknown(data: Path) -> None:
    with pytest.raises(UnknownServiceError):
        Loader([str(data)], include_default_search_paths=False).load_service_model(
            "sqs", "service-2"
        )


def test_endpoints_of_removed_services_are_removed(data: Path) -> None:
    partitions = json.loads((data / "endpoints.json").read_text())["partitions"]
    assert set(partitions[0]["services"]) == {
        *("dynamodb", "lambda", "s3", "s3-control", "s3-outposts", "secretsmanager")
    }


def test_the_files_in_a_zip_are_counted(data: Path) -> None:
    assert models.compressed_bytes(data, []) == models.compressed_bytes(data, ["no"]) == 0
    assert 10_000 < models.compressed_bytes(data, ["dynamodb"]) < 50_000


def written(
    folder: Path, name: str, content: bytes = b'{"metadata":{"endpointPrefix":"x"}}'
) -> Path:
    file = folder / "x" / "2020-01-01" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_the_form_of_a_file_that_botocore_reads_is_kept(tmp_path: Path) -> None:
    plain = written(tmp_path, "service-2.json", b'{"a": 1}')
    written(tmp_path, "service-2.json.gz", gzip.compress(b'{"a": 2}'))
    models.compact(tmp_path)
    assert list(plain.parent.iterdir()) == [plain]
    assert json.loads(plain.read_text()) == {"a": 1}


def test_other_files_are_kept(tmp_path: Path) -> None:
    note = written(tmp_path, "README.txt", b"no JSON")
    models.compact(tmp_path)
    models.prune_endpoints(tmp_path)
    assert models.names(tmp_path) == set()
    assert note.read_bytes() == b"no JSON"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("service-2.json", b"{"),
        ("service-2.json", b"[]"),
        ("service-2.json", b"\xff"),
        ("service-2.json", b"{}"),
        ("service-2.json", b'{"metadata": 1}'),
        ("service-2.json.gz", b"no gzip"),
        ("service-2.json.gz", gzip.compress(b"{}", mtime=0)[:-9]),
        ("service-2.json.gz", gzip.compress(b"{}" * 99, mtime=0)[:12] + b"?" * 20),
        ("paginators-1.json", b""),
        ("service-2.sdk-extras.json", b"null"),
    ],
)
def test_a_damaged_file_is_a_one_line_error_that_names_it(
    name: str, content: bytes, tmp_path: Path
) -> None:
    written(tmp_path, "service-2.json")
    (tmp_path / "endpoints.json").write_text('{"partitions":[]}')
    written(tmp_path, name, content)
    if name.endswith(".gz"):
        (tmp_path / "x" / "2020-01-01" / "service-2.json").unlink()
    with pytest.raises(ProjectError) as caught:
        compact_and_prune(tmp_path)
    assert name.removesuffix(".gz") in str(caught.value)
    assert "delete build/wheels, and install botocore again" in str(caught.value)


def compact_and_prune(data: Path) -> None:
    models.compact(data)
    models.prune_endpoints(data)


def test_damaged_endpoints_are_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text('{"partitions":[{}]}')
    with pytest.raises(ProjectError, match=r"cannot read .*endpoints\.json"):
        models.prune_endpoints(tmp_path)
