import pytest

from decanter.runtime.errors import SettingError
from decanter.runtime.settings import Settings, region_of, sweep_minutes, table_name


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_every_variable_is_read() -> None:
    assert Settings.from_env(
        {
            "DECANTER_MANAGEMENT_ENDPOINT": "https://host/v1/",
            "AWS_REGION": "eu-west-1",
            "DECANTER_TRANSPORT": "other",
            "DECANTER_CONCURRENCY": "8",
            "DECANTER_POST_TIMEOUT_SECONDS": "2",
            "DECANTER_DEADLINE_SECONDS": "0.5",
            "DECANTER_POSTS_PER_SECOND": "100",
            "DECANTER_MAX_BROADCAST_BYTES": "1000",
            "DECANTER_METRICS_NAMESPACE": "Decanter/dev",
            "DECANTER_SWEEP_PER_SECOND": "10",
        }
    ) == Settings(
        "https://host/v1", "eu-west-1", "other", 8, 2.0, 0.5, 100, 1000, "Decanter/dev", 10
    )


def test_the_decanter_variable_overrides_the_aws_one() -> None:
    aws = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:8000/v1"}
    assert Settings.from_env(aws).management_endpoint == "http://127.0.0.1:8000/v1"
    both = aws | {"DECANTER_MANAGEMENT_ENDPOINT": "https://a/b"}
    assert Settings.from_env(both).management_endpoint == "https://a/b"


@pytest.mark.parametrize(
    ("variable", "value", "accepted"),
    [
        ("DECANTER_MANAGEMENT_ENDPOINT", "host/v1", "set it to a URL such as https://host/stage"),
        *(
            ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", url, "set it to a URL such as")
            for url in ("http://[::1", "http://host:99999", "http://host:x", "https://", "http://é")
        ),
        ("DECANTER_QUEUE_URL", "http://a b/", "set it to the URL of the queue; `decanter package`"),
        ("DECANTER_CONCURRENCY", "many", "set it to a whole number from 1 to 512"),
        ("DECANTER_CONCURRENCY", "1.5", "set it to a whole number from 1 to 512"),
        ("DECANTER_CONCURRENCY", "0", "set it to a whole number from 1 to 512"),
        ("DECANTER_POST_TIMEOUT_SECONDS", "60", "set it to a number from 0.1 to 29"),
        ("DECANTER_MAX_BROADCAST_BYTES", "131073", "set it to a whole number from 1 to 131072"),
        ("DECANTER_SWEEP_PER_SECOND", "1001", "set it to a whole number from 1 to 1000"),
        ("DECANTER_DEADLINE_SECONDS", "nan", "set it to a number from 0.1 to 900"),
    ],
)
def test_an_error_names_variable_value_and_accepted_values(
    variable: str, value: str, accepted: str
) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_env({variable: value})
    assert str(caught.value).startswith(f"{variable} is {value!r}: {accepted}")


@pytest.mark.parametrize(
    ("value", "minutes"), [(None, None), ("", None), ("0", None), ("1", 1), ("120", 120)]
)
def test_the_sweep_interval_is_optional(value: str | None, minutes: int | None) -> None:
    environ = {} if value is None else {"DECANTER_SWEEP_MINUTES": value}
    assert sweep_minutes(environ) == minutes


@pytest.mark.parametrize("value", ["121", "-1", "0.5", "often"])
def test_an_invalid_sweep_interval_is_named(value: str) -> None:
    with pytest.raises(SettingError) as caught:
        sweep_minutes({"DECANTER_SWEEP_MINUTES": value})
    assert str(caught.value) == (
        f"DECANTER_SWEEP_MINUTES is {value!r}: set it to a whole number from 1 to 120"
    )


def test_lambdas_region_overrides_the_sdks_default() -> None:
    assert region_of({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}) == "a"
    assert region_of({"AWS_DEFAULT_REGION": "b"}) == "b"
    assert region_of({}) is None


def test_a_missing_table_variable_names_the_command_to_run() -> None:
    with pytest.raises(SettingError) as caught:
        table_name({}, "CONNECTIONS_TABLE")
    assert str(caught.value) == (
        "CONNECTIONS_TABLE is not set: name the table in .chalice/config.json "
        "(environment_variables); `decanter table create --stage dev` makes the declared tables"
    )
