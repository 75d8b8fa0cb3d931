"""The process's one botocore session: reading AWS's service models again costs each cold start."""

from functools import cache

import botocore.session


@cache
def session() -> botocore.session.Session:
    """The session; made at the first call, so that importing the app needs no AWS."""
    return botocore.session.Session()
