"""The embedded DynamoDB loads little of moto, and other code can still use the rest."""

import subprocess
import sys

import pytest

from decanter.local.dynamodb.postponed import postpone

USE = """
import sys
from decanter.local.dynamodb.application import MOTOS_ACCOUNT, application

is_alone = sys.argv[1:] == ["alone"]
application("us-east-1", is_alone=is_alone)
rest = {"moto.backend_index", "moto.core.models", "responses", "werkzeug.serving", "werkzeug.test"}
if is_alone:
    rest |= {"boto3.session", "botocore.client", "multiprocessing", "s3transfer.copies"}
assert not rest & {*sys.modules}, rest & {*sys.modules}

import botocore.client  # moto.core needs it
import moto
import moto.core
import werkzeug

assert "__getattr__" in vars(moto)
try:
    moto.core.no_such_name
except AttributeError as error:
    assert str(error) == "module 'moto.core' has no attribute 'no_such_name'", error
assert moto.core.models.DEFAULT_ACCOUNT_ID == moto.core.DEFAULT_ACCOUNT_ID == MOTOS_ACCOUNT
from moto import mock_aws
assert moto.mock_aws is mock_aws and moto.__version__
assert issubclass(werkzeug.Client, object) and werkzeug.run_simple
assert not any("__getattr__" in vars(each) for each in (moto, moto.core, werkzeug))

from moto.core.base_backend import AccountSpecificBackend
assert "us-east-1" in AccountSpecificBackend.get_session().get_available_regions("sqs")

import boto3
import botocore.session
assert boto3.Session is boto3.session.Session
assert isinstance(botocore.session.get_session(), botocore.session.Session)
with mock_aws():
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    s3.create_bucket(Bucket="bucket")
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["bucket"]
"""


@pytest.mark.parametrize("process", ["alone", "shared"])
def test_the_rest_of_moto_loads_when_it_is_used(process: str) -> None:
    """The process is new, because this process may have loaded moto."""
    subprocess.run([sys.executable, "-c", USE, process], check=True)


def test_a_package_that_is_imported_or_not_installed_is_not_postponed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = sys.modules["json"]
    postpone("json")
    assert sys.modules["json"] is module
    postpone("json.no_such_module")
    postpone("no_such_package")
    assert not {"json.no_such_module", "no_such_package"} & {*sys.modules}


def test_a_package_that_fails_runs_again_at_the_next_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("failing") / "failing_package"
    folder.mkdir()
    source = folder / "__init__.py"
    source.write_text("from .part import NUMBER\nLATE = 1 / (NUMBER - 1)\n")
    (folder / "part.py").write_text("NUMBER = 1\n")
    monkeypatch.syspath_prepend(folder.parent)
    postpone("failing_package", EARLY=2)
    package = sys.modules["failing_package"]
    assert (package.EARLY, package.part.NUMBER) == (2, 1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            _ = package.LATE
    package.part.NUMBER = 3
    assert package.LATE == 0.5
    for name in ("failing_package", "failing_package.part"):
        monkeypatch.delitem(sys.modules, name)
