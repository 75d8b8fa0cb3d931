"""The S3 bucket from which Lambda reads code and CloudFormation reads templates."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from decanter.aws.errors import explained
from decanter.errors import AWSError

# The maximum number of keys for one call of DeleteObjects.
DELETED_AT_ONCE = 1000
# The pattern of the last part of a key that `Bucket.key` returns.
_OURS = re.compile(r"[0-9a-f]{64}\.(zip|json)")


class Bucket:
    """A bucket in which the keys of each stack's objects start with `decanter/STACK/`.

    A key contains the hash of the content, so an existing object need not be uploaded again. The
    bucket must be in the stack's `region`, because Lambda reads code only from its own region.
    `suffix` is the region's domain, such as `amazonaws.com`.
    """

    def __init__(self, client: Any, name: str, region: str, suffix: str) -> None:
        self._client = client
        self.name = name
        self._region = region
        self._suffix = suffix

    def check(self) -> None:
        """Raise an AWSError unless the bucket exists and is in the stack's region."""
        with explained(f"look at bucket {self.name}"):
            try:
                answer = self._client.head_bucket(Bucket=self.name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                    raise
                raise AWSError(
                    f"there is no bucket {self.name}: create it with `aws s3 mb s3://{self.name} "
                    f"--region {self._region}`, or name another with --s3-bucket"
                ) from error
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or self._region
        if region != self._region:
            raise AWSError(
                f"bucket {self.name} is in {region}, the stack is in {self._region}; Lambda takes "
                "code from its own region only: name another with --s3-bucket, or use "
                f"--region {region}"
            )

    def key(self, stack: str, content: Path) -> str:
        """Return the key for the content of a file."""
        digest = hashlib.sha256(content.read_bytes()).hexdigest()
        return f"{prefix(stack)}{digest}{content.suffix}"

    def upload(self, key: str, content: Path) -> bool:
        """Upload a file. If the bucket already has the file, return False without an upload."""
        with explained(f"upload {content.name} to s3://{self.name}/{key}"):
            if self._has(key):
                return False
            with content.open("rb") as body:
                self._client.put_object(Bucket=self.name, Key=key, Body=body)
        return True

    def url(self, key: str) -> str:
        """Return the URL of an object for CloudFormation."""
        return f"https://{self.name}.s3.{self._region}.{self._suffix}/{key}"

    def empty(self, stack: str) -> int:
        """Delete the objects that were uploaded for a stack. Return their number."""
        with explained(f"delete s3://{self.name}/{prefix(stack)}"):
            try:
                return sum(map(self._delete, self._pages(prefix(stack))))
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise
                return 0

    def _pages(self, keys: str) -> Iterator[list[dict[str, str]]]:
        """Yield the objects that Decanter uploaded with this prefix, in pages for DeleteObjects."""
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
            # Without s3:ListBucket, S3 answers 403 for a missing object. It must be uploaded.
            if error.response["Error"]["Code"] in {"403", "404", "NoSuchKey"}:
                return False
            raise
        return True


def prefix(stack: str) -> str:
    """Return the prefix of a stack's objects."""
    return f"decanter/{stack}/"
