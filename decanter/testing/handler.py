"""moto's DynamoDB, without what tests pay for and have no use of.

Where moto's own way is taken, the first call reads what all AWS services offer in which region, and
loads IAM and S3. Measured: 0.15 s instead of 0.06 s for the first call, a third more for each later
one. test_handler.py fails for each method here that moto does not call any more.
"""

from functools import partial
from typing import Any

from moto.core.request import Request
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

from decanter.testing.environ import REGION

ACCOUNT = "123456789012"  # in the tables' ARNs

_tables = DynamoDBBackend(REGION, ACCOUNT)


class Handler(DynamoHandler):
    """Answers one call, for whomever and for whichever region it is signed.

    Its tables are its own: `moto.mock_aws` neither sees nor empties them.
    """

    def setup_class(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Note what DynamoDB's operations read, and leave the rest until somebody asks for it."""
        self._set_up_wholly = partial(super().setup_class, request, *args, **kwargs)
        self.headers = request.headers
        self.response_headers: dict[str, str] = {}
        self.querystring: dict[str, Any] = {}
        self.uri_match: dict[str, Any] = {}
        self.parse_parameters(request)

    def __getattr__(self, name: str) -> Any:
        """Anything else that moto's code reads is there once its own set-up has run."""
        try:
            set_up_wholly = self.__dict__.pop("_set_up_wholly")
        except KeyError:
            raise AttributeError(name) from None
        set_up_wholly()
        return getattr(self, name)

    @property
    def dynamodb_backend(self) -> DynamoDBBackend:
        """The tables."""
        return _tables

    def _determine_resource(self) -> str:
        """Spare moto asking whether there is this, which would have everything set up."""
        return "*"

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        """Let everybody in, as moto does by default after it has loaded IAM."""
