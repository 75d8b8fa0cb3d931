"""`decanter describe`: a diagram of the template, without AWS."""

from pathlib import Path

from tests.support.projects import ROOT, decanter_here, write_project

TEMPLATE = {
    "Resources": {
        "Rooms": {"Type": "AWS::DynamoDB::Table"},
        "WebsocketMessageRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Policies": [
                    {
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Action": "dynamodb:Query",
                                    "Resource": {"Fn::GetAtt": ["Rooms", "Arn"]},
                                },
                                {"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]},
                                {"Action": ["logs:PutLogEvents"], "Resource": "*"},
                            ]
                        }
                    }
                ]
            },
        },
    }
}


def test_the_diagram_of_this_repositorys_app_is_complete() -> None:
    done = decanter_here("describe", "--project-dir", ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "flowchart LR"
    assert 'client --> nsendmessage{{"sendmessage<br/>SendRoute"}} --> websocket_message' in lines
    assert 'websocket_connect -->|"dynamodb:PutItem"| ConnectionsTable' in lines
    assert 'websocket_message -->|"execute-api:ManageConnections"| WebsocketAPI' in lines


def test_a_template_without_routes_has_chalices_routes(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", "", template=TEMPLATE)
    path = folder / ".chalice" / "resources.json"
    done = decanter_here("describe", "--project-dir", folder, "--template", path)
    assert 'n_24_default{{"$default"}} --> websocket_message' in done.stdout
    assert 'websocket_message -->|"dynamodb:Query"| Rooms' in done.stdout
    assert '["arn:aws:s3:::b/*"]' in done.stdout
    assert "logs:" not in done.stdout


def test_a_template_of_the_users_is_drawn_with_what_the_app_declares(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", template=TEMPLATE)
    done = decanter_here("describe", "--project-dir", folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert 'Rooms[("Rooms")]' in lines
    assert 'ConnectionsTable[("ConnectionsTable")]' in lines
    assert 'websocket_connect["websocket_connect"]' in lines


def test_without_a_template_the_error_says_how_to_write_it(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    done = decanter_here("describe", "--project-dir", folder)
    path = folder / ".chalice" / "resources.json"
    expected = f"decanter: error: {path} does not exist: write it with `decanter template`\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_a_function_without_a_route_has_its_source(tmp_path: Path) -> None:
    role = TEMPLATE["Resources"]["WebsocketMessageRole"]
    function = {"Properties": {"LoggingConfig": {"LogGroup": {"Ref": "NightlyLogGroup"}}}}
    functions = dict.fromkeys(("Nightly", "Orders", "Paid", "Pure"), function)
    resources = {"Rooms": TEMPLATE["Resources"]["Rooms"], "OrdersRole": role, **functions}
    pattern = '{"source": ["paid"]}'
    sources = {"Orders": ["sqs", "orders"], "Paid": ["cloudwatch", pattern], "Pure": ["lambda", ""]}
    template = {"Resources": resources, "Metadata": {"Decanter": {"Sources": sources}}}
    folder = write_project(tmp_path / "p", "", template=template)
    lines = [
        line.strip()
        for line in decanter_here("describe", "--project-dir", folder).stdout.splitlines()
    ]
    assert 'nschedule_20_(["schedule"]) --> Nightly["Nightly"]' in lines
    assert 'nsqs_20_orders(["sqs orders"]) --> Orders["Orders"]' in lines
    assert any('(["cloudwatch {#quot;source#quot;: ' in line for line in lines)
    assert 'Pure["Pure"]' in lines
    assert 'Orders -->|"dynamodb:Query"| Rooms' in lines
