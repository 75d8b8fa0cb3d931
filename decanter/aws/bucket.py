"""The S3 bucket through which code and templates reach Lambda and CloudFormation."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from decanter.aws.errors import explained
from decanter.errors import AWSError

# What DeleteObjects takes at once.
DELETED_AT_ONCE = 1000
# What the last part of a key is that `Bucket.key` made.
_OURS = re.compile(r"[0-9a-f]{64}\.(zip|json)")


class Bucket:
    """A bucket, and the part of it that is one stack's: `decanter/STACK/`.

    A key holds the content's hash, so an object that is there never has to be sent again.

    Args:
        client: S3's.
        name: the bucket's.
        region: where it has to be: Lambda takes code only from its own region.
        suffix: the region's domain, as `amazonaws.com`.
    """

    def __init__(self, client: Any, name: str, region: str, suffix: str) -> None:
        self._client = client
        self.name = name
        self._region = region
        self._suffix = suffix

    def check(self) -> None:
        """Check that the bucket is there, and where.

        Raises:
            AWSError: it is not, or is elsewhere.
        """
        with explained(f"look at bucket {self.name}"):
            try:
                answer = self._client.head_bucket(Bucket=self.name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                    raise
                raise AWSError(
                    f"there is no bucket {self.name}: make it with `aws s3 mb s3://{self.name} "
                    f"--region {self._region}`, or name another with --s3-bucket"
                ) from error
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or self._region
        if region != self._region:
            raise AWSError(
                f"bucket {self.name} is in {region}, the stack in {self._region}, and Lambda takes "
                "code from its own region only: name another with --s3-bucket, or give "
                f"--region {region}"
            )

    def key(self, stack: str, content: Path) -> str:
        """The key of a file's content."""
        digest = hashlib.sha256(content.read_bytes()).hexdigest()
        return f"{prefix(stack)}{digest}{content.suffix}"

    def upload(self, key: str, content: Path) -> bool:
        """Put a file there, if it is not there yet; False if it was."""
        with explained(f"upload {content.name} to s3://{self.name}/{key}"):
            if self._has(key):
                return False
            with content.open("rb") as body:
                self._client.put_object(Bucket=self.name, Key=key, Body=body)
        return True

    def url(self, key: str) -> str:
        """Where CloudFormation finds an object."""
        return f"https://{self.name}.s3.{self._region}.{self._suffix}/{key}"

    def empty(self, stack: str) -> int:
        """Delete what was uploaded for a stack, and nothing else; how many objects there were."""
        with explained(f"delete s3://{self.name}/{prefix(stack)}"):
            try:
                return sum(map(self._delete, self._pages(prefix(stack))))
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise
                return 0

    def _pages(self, keys: str) -> Iterator[list[dict[str, str]]]:
        """Our objects whose keys begin so, as many at once as can be deleted at once."""
        paginator = self._client.get_paginator("list_objects_v2")
        size = {"PageSize": DELETED_AT_ONCE}
        for page in paginator.paginate(Bucket=self.name, Prefix=keys, PaginationConfig=size):
            found = [item["Key"] for item in page.get("Contents", ())]
            if ours := [key for key in found if _OURS.fullmatch(key.removeprefix(keys))]:
                yield [{"Key": key} for key in ours]

    def _delete(self, keys: list[dict[str, str]]) -> int:
        answer = self._client.delete_objects(
            Bucket=self.name, Delete={"Objects": keys, "Quiet": True}
        )
        for error in answer.get("Errors", ()):
            why = f"{error['Code']}: {error['Message']}"
            raise AWSError(f"cannot delete s3://{self.name}/{error['Key']}: {why}")
        return len(keys)

    def _has(self, key: str) -> bool:
        try:
            self._client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            # Without s3:ListBucket, S3 says 403 of what is not there: then it is sent.
            if error.response["Error"]["Code"] in {"403", "404", "NoSuchKey"}:
                return False
            raise
        return True


def prefix(stack: str) -> str:
    """What the keys of a stack's objects begin with."""
    return f"decanter/{stack}/"
