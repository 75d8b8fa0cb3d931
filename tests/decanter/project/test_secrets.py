"""Secrets in environment variables: values, and references."""

import pytest

from decanter.project.secrets import is_plain_secret, unresolved, with_own

REFERENCE = "{{resolve:secretsmanager:pour/api-key:SecretString:key}}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", "hunter2"),
        ("DECANTER_JWT_SECRET", "thirty-two bytes, or more of them"),
        ("DB_PASSWORD", "correct horse"),
        ("DB_PASS", "hunter2"),
        ("DBPASSWORD", "x" * 8),
        ("stripeSecret", "abcdefgh"),
        ("API_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("CREDENTIALS", "ann:secret"),
        # By the form of the value:
        ("KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("PEM", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("STRIPE", "sk_live_" + "a" * 24),
        ("GITHUB", "ghp_" + "a" * 36),
        ("DATABASE_URL", "postgres://ann:hunter2@db/pour"),
        ("SESSION", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.x"),
    ],
)
def test_a_secret_in_plain_text_is_found(name: str, value: str) -> None:
    assert is_plain_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", REFERENCE),
        ("API_TOKEN", "{{resolve:ssm:/pour/token:1}}"),
        ("DATABASE_URL", f"postgres://ann:{REFERENCE}@db/pour"),
        ("DATABASE_URL", "postgres://db/pour"),
        ("API_KEY", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pour-AbCdEf"),
        ("SECRET", "pour/signing"),
        ("DB_PASSWORD", "/Pour/prod/password"),
        ("USE_TOKEN", "true"),
        ("TOKEN", ""),
        ("TOKEN_TABLE", "pour-tokens"),
        ("SECRET_NAME", "pour-signing"),
        ("MAX_TOKENS", "4096"),
        ("PARTITION_KEY", "connectionID"),
        ("CONNECTIONS_TABLE", "pour-dev-connections"),
        ("DECANTER_ALLOWED_ORIGINS", "https://example.com"),
    ],
)
def test_other_values_are_not(name: str, value: str) -> None:
    assert not is_plain_secret(name, value)


def test_the_users_environment_replaces_only_references() -> None:
    declared = {"KEY": REFERENCE, "OTHER": REFERENCE, "STAGE": "prod"}
    environ = {"KEY": "mine", "STAGE": "mine"}
    assert with_own(declared, environ) == declared | {"KEY": "mine"}


def test_the_unresolved_are_named_in_one_line() -> None:
    variables = {"B": REFERENCE, "A": f"postgres://ann:{REFERENCE}@db", "C": "pour"}
    (line,) = unresolved([variables, {"B": REFERENCE}])
    assert line.startswith("A, B: only CloudFormation resolves {{resolve:…}}, so the app gets this")
    assert line.endswith("`A=… decanter local`")
    assert list(unresolved([{"C": "pour"}])) == []
