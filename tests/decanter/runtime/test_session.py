"""One TLS context for the posts and for the table."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore import loaders
from botocore.config import Config
from botocore.exceptions import UnknownServiceError
from botocore.httpsession import get_cert_path
from botocore.session import Session

from decanter.runtime.session import SharedContext, ca_bundle, session, share_with, tls_context

AUTHORITIES = get_cert_path(True)


@pytest.fixture(name="one_session", autouse=True)
def _one_session() -> Iterator[None]:
    session.cache_clear()
    yield
    session.cache_clear()


def client(endpoint: str) -> object:
    return session().create_client(
        "dynamodb", region_name="eu-west-1", endpoint_url=endpoint, config=Config()
    )


def context_of(client: object) -> object:
    return client._endpoint.http_session._manager.connection_pool_kw["ssl_context"]  # type: ignore[attr-defined]


def test_models_load_without_a_list_of_all_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in AWS_DATA_PATH still adds services."""
    model = tmp_path / "own" / "2020-01-01" / "service-2.json"
    model.parent.mkdir(parents=True)
    model.write_text('{"metadata": {"serviceId": "Own"}}')
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    usual = Session().get_component("data_loader")
    with monkeypatch.context() as patch:
        patch.setattr(loaders.Loader, "list_available_services", None)
        client("http://127.0.0.1:1")
        assert session().get_service_model("own").service_id == "Own"
    loader = session().get_component("data_loader")
    assert loader.search_paths == usual.search_paths
    assert [*session().get_available_services()] == Session().get_available_services()
    with pytest.raises(UnknownServiceError, match=r"Unknown service: 'nothing'.*dynamodb.*own"):
        session().create_client("nothing", "eu-west-1")


def test_it_verifies_like_the_standard_librarys_default_context() -> None:
    shared, usual = SharedContext(AUTHORITIES), ssl.create_default_context(cafile=AUTHORITIES)
    assert shared.verify_mode is usual.verify_mode is ssl.CERT_REQUIRED
    assert shared.check_hostname
    assert shared.options == usual.options
    assert shared.minimum_version == usual.minimum_version
    assert shared.cert_store_stats() == usual.cert_store_stats()


def test_authorities_are_read_once_and_more_can_be_added() -> None:
    context = SharedContext(AUTHORITIES)
    before = context.cert_store_stats()
    context.load_verify_locations(AUTHORITIES)
    context.load_verify_locations(AUTHORITIES, None, None)
    assert context.cert_store_stats() == before
    with pytest.raises(FileNotFoundError):
        context.load_verify_locations("/nowhere.pem")
    with pytest.raises(ssl.SSLError):
        context.load_verify_locations(AUTHORITIES, None, "no certificate")


def test_verification_cannot_be_turned_off() -> None:
    context = SharedContext(AUTHORITIES)
    context.check_hostname = True
    with pytest.raises(ValueError, match="always checks the host name of its peer"):
        context.check_hostname = False
    with pytest.raises(ValueError, match="CERT_NONE"):
        context.verify_mode = ssl.CERT_NONE


def test_botocores_client_for_the_table_uses_the_posts_context() -> None:
    table = client("https://dynamodb.eu-west-1.amazonaws.com")
    share_with(table)
    assert context_of(table) is tls_context(ca_bundle())
    share_with(table)
    assert context_of(table) is tls_context(ca_bundle())


def test_a_client_without_tls_or_of_another_form_is_unchanged() -> None:
    local = client("http://127.0.0.1:8000")
    share_with(local)
    assert not isinstance(context_of(local), SharedContext)
    share_with(SimpleNamespace())


def test_a_missing_file_of_authorities_is_left_to_botocore(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere.pem")
    table = client("https://dynamodb.eu-west-1.amazonaws.com")
    share_with(table)
    assert not isinstance(context_of(table), SharedContext)
