"""The process's one botocore session: reading AWS's service models again costs each cold start."""

from functools import cache

import botocore.session


@cache
def session() -> botocore.session.Session:
    """The session; made at the first call, so that importing the app needs no AWS."""
    return botocore.session.Session()


def ca_bundle() -> str:
    """The file of authorities that botocore itself would trust; `AWS_CA_BUNDLE` names another."""
    from botocore.httpsession import get_cert_path

    return str(session().get_config_variable("ca_bundle") or get_cert_path(True))  # noqa: FBT003
