"""The stack that a template is read for: what names and pseudo parameters become locally."""

from dataclasses import dataclass

from chalice.utils import to_cfn_resource_name

from decanter.project.declaration import HTTP_FUNCTION

WEBSOCKET_API = "WebsocketAPI"


def logical_id(function: str) -> str:
    """What Chalice calls a function in a template: `websocket_connect` → `WebsocketConnect`."""
    return "APIHandler" if function == HTTP_FUNCTION else str(to_cfn_resource_name(function))


def integration(part: str) -> str:
    """What Chalice calls a function's integration: `Message` → `WebsocketMessageAPIIntegration`."""
    return f"Websocket{part}APIIntegration"


@dataclass(frozen=True)
class Stack:
    """Where a template's resources are, and what they are called there.

    Attributes:
        app_name: Chalice's.
        stage: Chalice's stage, which is not API Gateway's.
        region: where the stack is.
        account_id: whose it is; by default the one that AWS's documentation uses.
        api_id: the WebSocket API's.
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
        """The stack's name, and the beginning of its resources' names."""
        return f"{self.app_name}-{self.stage}"

    @property
    def partition(self) -> str:
        """The region's partition."""
        for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
            if self.region.startswith(prefix):
                return partition
        return "aws"

    def references(self) -> dict[str, str]:
        """What Ref gives for the pseudo parameters and for what Chalice itself generates.

        A route's and an integration's reference is its logical id: nothing else on this machine
        needs to name it.
        """
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        answers = {
            "AWS::AccountId": self.account_id,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.arn("cloudformation", f"stack/{self.name}/local"),
            "AWS::StackName": self.name,
            "AWS::URLSuffix": suffix,
            WEBSOCKET_API: self.api_id,
            f"{WEBSOCKET_API}Stage": self.api_stage,
        }
        for part in ("Connect", "Message", "Disconnect"):
            answers[f"Websocket{part}"] = f"{self.name}-websocket_{part.lower()}"
            answers |= {own: own for own in (f"Websocket{part}Route", integration(part))}
        # Chalice names the function behind the HTTP routes after the app alone.
        return answers | {logical_id(HTTP_FUNCTION): self.name}

    def arn(self, service: str, resource: str) -> str:
        """The ARN of one of the stack's resources."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"
