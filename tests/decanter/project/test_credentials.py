"""The region and the credentials of the user's environment."""

import os
from pathlib import Path

import pytest

from decanter.errors import DecanterError, ServiceError
from decanter.project.credentials import (
    DUMMY_CREDENTIALS,
    access,
    local_credentials,
    local_region,
)

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-north-1"),
        ({"AWS_REGION": ""}, "us-east-1"),
    ],
)
def test_the_users_region_has_precedence(environ: dict[str, str], region: str) -> None:
    assert local_region(environ) == region


@pytest.mark.parametrize("region", ["eu west!", "-eu", "eu-", "1", "x" * 64, "eu-west-1\n", "a.b"])
def test_an_invalid_region_is_named(region: str) -> None:
    with pytest.raises(DecanterError, match="is not a region: correct --region, AWS_REGION or"):
        local_region({"AWS_REGION": region})


def test_the_users_credentials_have_precedence_if_complete() -> None:
    assert local_credentials({**KEYS, "AWS_PROFILE": "p"}) == KEYS
    assert local_credentials({"AWS_ACCESS_KEY_ID": "a"}) == DUMMY_CREDENTIALS


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({}, None),
        ({"AWS_ACCESS_KEY_ID": "a"}, None),
        ({"AWS_PROFILE": "", "AWS_SESSION_TOKEN": "t"}, None),
        ({"AWS_PROFILE": "mine"}, "the profile mine"),
        ({"AWS_DEFAULT_PROFILE": "mine"}, "the profile mine"),
        ({**KEYS, "AWS_PROFILE": "mine"}, "the keys of AWS_ACCESS_KEY_ID"),
    ],
)
def test_access_to_aws_is_what_the_environment_gives(
    environ: dict[str, str], text: str | None
) -> None:
    assert access(environ) == text


def test_a_profile_has_its_region_or_must_be_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-west-3\n[profile bare]\n")
    assert local_region({"AWS_PROFILE": "mine"}) == "eu-west-3"
    assert local_region({"AWS_PROFILE": "bare"}) == "us-east-1"
    assert local_region({"AWS_PROFILE": "mine", "AWS_REGION": "eu-west-1"}) == "eu-west-1"
    with pytest.raises(ServiceError, match=r"^AWS_PROFILE names the profile 'other', which"):
        local_region({"AWS_PROFILE": "other"})
