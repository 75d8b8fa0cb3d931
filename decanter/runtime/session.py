"""The process's one botocore session and one TLS context.

Reading AWS's service models and certificates again would cost each cold start.
"""

import ssl
from contextlib import suppress
from functools import cache
from typing import Any

import botocore.session


@cache
def session() -> botocore.session.Session:
    """The session; made at the first call, so that importing the app needs no AWS."""
    return botocore.session.Session()


class SharedContext(ssl.SSLContext):
    """Verifies every peer and its name; nobody who shares it can have it verify less.

    Args:
        authorities: a file of those who are trusted.
    """

    def __new__(cls, authorities: str) -> "SharedContext":  # noqa: ARG004 - `__init__` reads it
        """One for clients, which verifies by itself."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, authorities: str) -> None:
        super().load_verify_locations(authorities)
        self._read = authorities
        self.set_alpn_protocols(["http/1.1"])

    def load_verify_locations(self, cafile: Any = None, *others: Any, **more: Any) -> None:
        """Trust others, too; those who are trusted already are not read again."""
        if cafile != self._read or others != (None,) * len(others) or more:
            super().load_verify_locations(cafile, *others, **more)

    @property
    def check_hostname(self) -> bool:
        """Always: so Python refuses a `verify_mode` that verifies less."""
        return True

    @check_hostname.setter
    def check_hostname(self, value: bool) -> None:
        if not value:
            raise ValueError("a shared context checks the name of every peer")


@cache
def tls_context(authorities: str) -> SharedContext:
    """The context for these authorities; made once."""
    return SharedContext(authorities)


def ca_bundle() -> str:
    """The file of authorities that botocore itself would trust; `AWS_CA_BUNDLE` names another."""
    from botocore.httpsession import get_cert_path

    return str(session().get_config_variable("ca_bundle") or get_cert_path(True))  # noqa: FBT003


def share_with(client: Any) -> None:
    """Have botocore's client use the shared context, if it talks TLS.

    Botocore has no option for it. Should it keep its connections elsewhere one day, it reads the
    authorities itself, as it does for others; and if there is no such file, it says so itself.
    """
    with suppress(AttributeError, OSError):
        options = client._endpoint.http_session._manager.connection_pool_kw
        secure = client.meta.endpoint_url.startswith("https:")
        if secure and not isinstance(options.get("ssl_context"), SharedContext):
            options["ssl_context"] = tls_context(ca_bundle())
