"""One botocore session and one TLS context for each process.

At each cold start, a second session would read AWS's service models again, and a second context
would read the certificates again.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import botocore.session
from botocore import loaders
from botocore.exceptions import DataNotFoundError


@cache
def session() -> botocore.session.Session:
    """Return the session, which is created at the first call, not at the import of the app."""
    created = botocore.session.Session()
    created.lazy_register_component("data_loader", lambda: _loader(created))
    return created


def _loader(created: botocore.session.Session) -> "Loader":
    usual = loaders.create_loader(created.get_config_variable("data_path"))
    return Loader(extra_search_paths=usual.search_paths, include_default_search_paths=False)


class Loader(loaders.Loader):  # type: ignore[misc]
    """Loads the models of one service without a list of all services.

    botocore would read the folders of about 400 services for each of the two models of a client. In
    a measurement, this took three times as long as the loading of the models.
    """

    def list_available_services(self, type_name: str) -> "Services":
        """Return the services that have a model of this type."""
        return Services(self, type_name)


class Services:
    """The services that have a model of one type."""

    def __init__(self, loader: Loader, type_name: str) -> None:
        self._loader = loader
        self._type_name = type_name

    def __contains__(self, name: str) -> bool:
        try:
            return bool(self._loader.list_api_versions(name, self._type_name))
        except DataNotFoundError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(loaders.Loader.list_available_services(self._loader, self._type_name))


os.register_at_fork(after_in_child=session.cache_clear)


class SharedContext(ssl.SSLContext):
    """A context that always verifies every peer and host name. Its users cannot change this."""

    def __new__(cls, authorities: str) -> "SharedContext":  # noqa: ARG004 - `__init__` reads it
        """Create a client context, which verifies peers by default."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, authorities: str) -> None:
        super().load_verify_locations(authorities)
        self._read = authorities
        self.set_alpn_protocols(["http/1.1"])

    def load_verify_locations(self, cafile: Any = None, *others: Any, **more: Any) -> None:
        """Trust further authorities. The file of the shared authorities is not read again."""
        if cafile != self._read or others != (None,) * len(others) or more:
            super().load_verify_locations(cafile, *others, **more)

    @property
    def check_hostname(self) -> bool:
        """The value is always True, so Python refuses the `verify_mode` `CERT_NONE`."""
        return True

    @check_hostname.setter
    def check_hostname(self, value: bool) -> None:
        if not value:
            raise ValueError("a shared context always checks the host name of its peer")


@cache
def tls_context(authorities: str) -> SharedContext:
    """Return the shared context for a file of trusted certificate authorities."""
    return SharedContext(authorities)


def ca_bundle() -> str:
    """Return botocore's file of trusted authorities; `AWS_CA_BUNDLE` overrides it."""
    from botocore.httpsession import get_cert_path

    return str(session().get_config_variable("ca_bundle") or get_cert_path(True))  # noqa: FBT003


def share_with(client: Any) -> None:
    """Make botocore's client use the shared context, if the client uses TLS.

    Botocore has no option for this, so `share_with` changes private attributes of the client. If a
    later version of botocore has no such attributes, the client reads the file of trusted
    authorities itself, like other clients. If the file is missing, botocore reports the error.
    """
    with suppress(AttributeError, OSError):
        options = client._endpoint.http_session._manager.connection_pool_kw
        secure = client.meta.endpoint_url.startswith("https:")
        if secure and not isinstance(options.get("ssl_context"), SharedContext):
            options["ssl_context"] = tls_context(ca_bundle())
