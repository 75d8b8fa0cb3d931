"""Hosts of this machine, hosts of AWS, and other hosts."""

import pytest
from botocore.session import Session

from decanter.aws_hosts import is_aws, is_local, normal

HERE = ["localhost", "LOCALHOST.", "db.localhost", "127.0.0.1", "127.1", "::1", "[::1]", "0.0.0.0"]
HERE += ["::ffff:127.0.0.1", "::", "0x7f000001"]
AWS = ["s3.amazonaws.com", "S3.AmazonAWS.com.", "amazonaws.com", "b.s3.eu-west-1.amazonaws.com"]
AWS += ["x.execute-api.cn-north-1.amazonaws.com.cn", "sqs.eu-west-1.api.aws", "x.on.aws"]
AWS += ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"]
AWS += ["::ffff:169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376"]
OTHERS = ["example.org", "10.0.0.1", "2001:db8::1", "notamazonaws.com", "amazonaws.com.evil.test"]
OTHERS += ["localhost.example.org", "myaws", "", "128.0.0.1", "fe80::1%eth0"]


@pytest.mark.parametrize("host", [*HERE, *AWS, *OTHERS])
def test_the_kind_of_a_host(host: str) -> None:
    assert is_local(host) == (host in HERE)
    assert is_aws(host) == (host in AWS)


def test_the_domains_are_those_of_every_partition() -> None:
    for partition in Session().get_data("partitions")["partitions"]:
        for name in ("dnsSuffix", "dualStackDnsSuffix"):
            assert is_aws(f"sqs.region.{partition['outputs'][name]}")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("\uff53\uff13\u3002amazonaws\u3002com", "s3.amazonaws.com"),
        (b"S3.amazonaws.com.", "s3.amazonaws.com"),
        ("\udcff", "\udcff"),
    ],
)
def test_a_host_has_one_normal_form(host: str | bytes, name: str) -> None:
    assert normal(host) == name
