"""The services of which source code makes clients."""

from pathlib import Path

import pytest

from decanter.aws.clients import Services, imports, services_of

KNOWN = ["dynamodb", "s3", "sqs"]


def found(folder: Path, *sources: str) -> Services:
    files = [folder / f"{number}.py" for number in range(len(sources))]
    for file, source in zip(files, sources, strict=True):
        file.write_text(source)
    return services_of(files, KNOWN)


@pytest.mark.parametrize(
    "source",
    [
        'boto3.client("s3")',
        'boto3.resource("s3", region_name="x")',
        'session().create_client("s3")',
        'from boto3 import client\nclient(service_name="s3")',
        'NAME = "s3"\nboto3.client(NAME)',
        'NAME: str = "s3"\nboto3.client(NAME)',
        'class A:\n    NAME = "s3"\n    def f(self): return boto3.client(self.NAME)',
    ],
)
def test_a_service_that_is_written_is_found(source: str, tmp_path: Path) -> None:
    assert found(tmp_path, source) == Services(frozenset({"s3"}), ())


def test_a_constant_may_be_in_another_file(tmp_path: Path) -> None:
    services = found(
        tmp_path, "from .names import SERVICE\nboto3.client(SERVICE)", 'SERVICE = "sqs"'
    )
    assert services.names == {"sqs"}


def test_other_things_clients_are_no_services(tmp_path: Path) -> None:
    assert found(tmp_path, 'http.client("example.com")\nx.client()') == Services(frozenset(), ())


def test_a_service_that_is_not_written_is_told(tmp_path: Path) -> None:
    services = found(tmp_path, "def make(name):\n    return boto3.client(name)")
    assert services == Services(frozenset(), (f"{tmp_path / '0.py'}:2",))


def test_what_is_no_python_is_passed_over(tmp_path: Path) -> None:
    assert found(tmp_path, "print 'two'", 'boto3.client("s3")').names == {"s3"}


@pytest.mark.parametrize(
    ("source", "does"),
    [
        ("import boto3", True),
        ("import boto3.session as session", True),
        ("from boto3.dynamodb import conditions", True),
        ("def f():\n    import boto3", True),
        ("from . import boto3", False),
        ("import boto3extra", False),
        ("print 'two'", False),
    ],
)
def test_an_import_is_found_wherever_it_stands(source: str, does: bool, tmp_path: Path) -> None:
    file = tmp_path / "it.py"
    file.write_text(source)
    assert imports(file, "boto3") is does
