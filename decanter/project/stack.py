"""A stack, with its names and with the values of CloudFormation's pseudo parameters."""

import re
from dataclasses import dataclass

from decanter.project.declaration import HTTP_FUNCTION

WEBSOCKET_API = "WebsocketAPI"

_WORD = re.compile(r"(?:\A|[-_])[-_]*(.?)", re.DOTALL)
_OTHER = re.compile(r"[^A-Za-z0-9]+")


def logical_id(function: str) -> str:
    """Return Chalice's logical id of a function: `websocket_connect` → `WebsocketConnect`."""
    return "APIHandler" if function == HTTP_FUNCTION else resource_name(function)


def role_id(function: str) -> str:
    """Return Chalice's logical id for a function's own role."""
    return resource_name(f"{function}_role")


def resource_name(name: str) -> str:
    """Return a name in CamelCase, like `to_cfn_resource_name` of `chalice.utils`.

    That module loads click, which takes longer than all other work for a template.
    """
    words = _WORD.sub(lambda start: start[1].upper(), name)
    return _OTHER.sub("", words)


def integration(part: str) -> str:
    """Return Chalice's id of an integration: `Message` → `WebsocketMessageAPIIntegration`."""
    return f"Websocket{part}APIIntegration"


@dataclass(frozen=True)
class Stack:
    """The account, the region and the names of a template's resources.

    Attributes:
        stage: Chalice's stage. API Gateway's stage may have another name.
        account_id: the stack's account id. The default is the account id in AWS's documentation.
        api_stage: API Gateway's stage.
    """

    app_name: str
    stage: str
    region: str = "us-east-1"
    account_id: str = "123456789012"
    api_id: str = "local"
    api_stage: str = "api"

    @property
    def name(self) -> str:
        """The stack's name. The names of many of its resources start with this name."""
        return f"{self.app_name}-{self.stage}"

    @property
    def partition(self) -> str:
        """The region's partition."""
        for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
            if self.region.startswith(prefix):
                return partition
        return "aws"

    @property
    def url_suffix(self) -> str:
        """The domain of the region's hosts."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def function_name(self, function: str) -> str:
        """Return the name that `chalice deploy` gives a function.

        The name of the function of the HTTP routes has no suffix.
        """
        return self.name if function == HTTP_FUNCTION else f"{self.name}-{function}"

    def queue_url(self, name: str, endpoint: str | None = None) -> str:
        """Return the URL of an SQS queue, on AWS or at another endpoint."""
        endpoint = endpoint or f"https://sqs.{self.region}.{self.url_suffix}"
        return f"{endpoint}/{self.account_id}/{name}"

    def references(self) -> dict[str, str]:
        """Return the values of Ref for the pseudo parameters and for Chalice's own resources.

        For a route or an integration, the value of Ref is the logical id, because the resource
        has no other id on this machine.
        """
        answers = {
            "AWS::AccountId": self.account_id,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.arn("cloudformation", f"stack/{self.name}/local"),
            "AWS::StackName": self.name,
            "AWS::URLSuffix": self.url_suffix,
            WEBSOCKET_API: self.api_id,
            f"{WEBSOCKET_API}Stage": self.api_stage,
        }
        for part in ("Connect", "Message", "Disconnect"):
            answers[f"Websocket{part}"] = self.function_name(f"websocket_{part.lower()}")
            answers |= {own: own for own in (f"Websocket{part}Route", integration(part))}
        return answers | {logical_id(HTTP_FUNCTION): self.function_name(HTTP_FUNCTION)}

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of one of the stack's resources."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    @property
    def api_arn(self) -> str:
        """The ARN of the WebSocket API's stage."""
        return self.arn("execute-api", f"{self.api_id}/{self.api_stage}")

    def connections_arn(self, method: str) -> str:
        """Return the ARN of all connections of the API, for one HTTP method."""
        return f"{self.api_arn}/{method}/@connections/*"
