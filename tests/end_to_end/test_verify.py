"""`decanter verify` with the local gateway and this repository's service."""

import json

from decanter.verify import gateway, management
from decanter.verify import service as app
from tests.field_cases.apps import run
from tests.support.connection_table import Table
from tests.support.gateways import Running


def test_every_rule_holds_for_the_local_gateway_with_this_app(
    service: Running, table: Table
) -> None:
    places = ("--url", service.url, "--management-endpoint", service.management_url)
    done = run("verify", "--timeout", "5", *places, "--format", "json")
    report = json.loads(done.out)
    assert [rule for rule in report["rules"] if not rule["holds"]] == []
    assert (done.status, report["holds"], report["left_out"]) == (0, True, [])
    titles = {rule["title"] for rule in report["rules"]}
    every = (*app.RULES, *gateway.STAGES, *gateway.RULES, *management.RULES)
    assert titles >= {rule.title for rule in every}
    assert {"a client connects", "route sendmessage"} <= titles
    table.wait_for(0)
