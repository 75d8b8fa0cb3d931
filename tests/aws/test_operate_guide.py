"""docs/guides/operate.md: its snippets name what the packaged template has."""

import json
import re

from tests.support.gateways import ROOT

PAGE = (ROOT / "docs" / "guides" / "operate.md").read_text(encoding="utf-8")
TEMPLATE = json.loads((ROOT / ".chalice" / "resources.json").read_text(encoding="utf-8"))


def test_its_parameters_and_outputs_are_the_templates() -> None:
    hcl = re.search(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
    cdk = re.search(r"```ts\n(.*?)```", PAGE, re.DOTALL)
    assert hcl is not None
    assert cdk is not None
    block = hcl[1].split("parameters = {")[1].split("}")[0]
    names = {*re.findall(r"(\w+) +=", block), *re.findall(r"parameters: \{ (\w+):", cdk[1])}
    assert names == {"TableBillingMode", "LogRetentionInDays"}
    assert names <= set(TEMPLATE["Parameters"])
    outputs = re.findall(r'outputs\["(\w+)"\]', hcl[1])
    assert outputs == ["APIGatewayURL"]
    assert set(outputs) <= set(TEMPLATE["Outputs"])
