"""Objects on an S3 server, with boto3."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

from ._bus_root import checked_root
from ._errors import BusError
from ._objects import Body, StoreDenied, StoreFailed
from ._progress import ReadFile, upload_bar

_ROOT = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*?))?/*\Z", re.DOTALL)
_PART_BYTES = 64 * 1024 * 1024
_MAX_PARTS = 10_000
_WRONG_CONTENT = ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
_CREDENTIALS_HINT = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
MULTIPART_ABOVE_BYTES = 1024**3
"""Only of an object that comes in one piece does S3 keep the SHA-256."""


def open_s3(url: str, settings: Mapping[str, Any] = MappingProxyType({})) -> "S3Objects":
    """The environment has the ``endpoint``, ``region`` or ``path_style`` that ``settings`` lacks.

    Raises BusError BUS_ROOT_INVALID, OBJECT_CLIENT_MISSING."""
    match = _ROOT.match(url)
    if match is None:  # not shown: it may contain a secret
        raise BusError("BUS_ROOT_INVALID", "The root of the bus is not of the form s3://bucket/prefix.")
    prefix = match[2] or ""
    if prefix:
        checked_root(Path("/") / prefix, "the prefix of the bus")
        if any(part in ("", ".", "..") for part in prefix.split("/")):
            raise BusError("BUS_ROOT_INVALID", "The prefix of the bus has an empty part, or one of dots only.")
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise BusError("OBJECT_CLIENT_MISSING", "boto3, which talks to S3, is not installed.") from error
    config = Config(
        retries={"mode": "standard", "max_attempts": 9},
        connect_timeout=5,
        read_timeout=60,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if settings["path_style"] else "virtual"} if "path_style" in settings else None,
    )
    try:
        session = boto3.Session()
        region = settings.get("region") or session.region_name or "us-east-1"
        client = session.client("s3", config=config, region_name=region, endpoint_url=settings.get("endpoint"))
    except Exception as error:
        raise BusError("SUBMIT_FAILED", f"The settings of AWS cannot be used: {error}.") from error
    return S3Objects(client, match[1], prefix, session)


class S3Access(NamedTuple):
    """How to reach an S3 server."""

    key_id: str
    secret: str
    session_token: Optional[str]
    endpoint: str
    region: str
    path_style: bool


class S3Objects:
    """Objects below a prefix of a bucket."""

    def __init__(self, client: Any, bucket: str, prefix: str, session: Any) -> None:
        self._client = client
        self._session = session
        self._one_in_parts = Lock()  # a part of each of several files would take too much memory
        self._bucket = bucket
        self._before = f"{prefix}/" if prefix else ""
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")

    def create(self, key: str, body: Body, sha256: str) -> bool:
        if isinstance(body, Path):
            if body.stat().st_size > MULTIPART_ABOVE_BYTES:
                with self._one_in_parts:
                    return self._create_in_parts(key, body, sha256)
            with open(body, "rb") as file, upload_bar(body.name, body.stat().st_size) as reach:
                return self._put(key, ReadFile(file, reach), sha256)
        return self._put(key, body, sha256)

    def _put(self, key: str, body: Any, sha256: str) -> bool:
        return self._unless_taken(
            lambda: self._client.put_object(
                **self._at(key), Body=body, IfNoneMatch="*", ChecksumSHA256=_base64(bytes.fromhex(sha256))
            )
        )

    def _create_in_parts(self, key: str, path: Path, sha256: str) -> bool:
        size = path.stat().st_size
        part_bytes = max(_PART_BYTES, -(-size // _MAX_PARTS))
        upload = self._call(lambda: self._client.create_multipart_upload(**self._at(key), ChecksumAlgorithm="SHA256"))
        at = {**self._at(key), "UploadId": upload["UploadId"]}
        whole = hashlib.sha256()
        parts: list[dict[str, Any]] = []
        try:
            with open(path, "rb") as file, upload_bar(path.name, size) as reach:
                while content := file.read(part_bytes):
                    whole.update(content)
                    number, digest = len(parts) + 1, _base64(hashlib.sha256(content).digest())
                    done = self._call(
                        lambda: self._client.upload_part(
                            **at, PartNumber=number, Body=content, ChecksumSHA256=digest  # noqa: B023
                        )
                    )
                    parts.append({"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": digest})
                    reach(file.tell())
            if whole.hexdigest() != sha256:
                raise BusError("CHECKSUM_MISMATCH", f"{path} changed after it was hashed.")
            created = self._unless_taken(
                lambda: self._client.complete_multipart_upload(**at, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
            )
        except BaseException:
            self._abort(at)
            raise
        if not created:
            self._abort(at)
        return created

    def _abort(self, at: dict[str, Any]) -> None:
        """Without the right to do it, the bucket's lifecycle rule drops the parts."""
        try:
            self._call(lambda: self._client.abort_multipart_upload(**at))
        except (StoreDenied, StoreFailed, BusError):
            pass

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._call(lambda: self._client.delete_object(**self._at(key)))  # noqa: B023

    def read(self, key: str) -> Optional[bytes]:
        answer = self._found(lambda: self._client.get_object(**self._at(key))["Body"].read())
        return None if answer is None else bytes(answer)

    def digest(self, key: str) -> Optional[tuple[int, str]]:
        head = self._found(lambda: self._client.head_object(**self._at(key), ChecksumMode="ENABLED"))
        if head is None:
            return None
        checksum = head.get("ChecksumSHA256", "")
        if checksum and "-" not in checksum:
            return head["ContentLength"], base64.b64decode(checksum).hex()
        digest = hashlib.sha256()

        def read_all() -> bool:
            for chunk in self._client.get_object(**self._at(key))["Body"].iter_chunks(1024 * 1024):
                digest.update(chunk)
            return True

        return None if self._found(read_all) is None else (head["ContentLength"], digest.hexdigest())

    def fetch(self, key: str, path: Path) -> bool:
        """Copies an object into a file. Returns False if it is not there."""

        def copy() -> bool:
            with open(path, "wb") as file:
                for chunk in self._client.get_object(**self._at(key))["Body"].iter_chunks(1024 * 1024):
                    file.write(chunk)
            return True

        return bool(self._found(copy))

    def access(self) -> "S3Access":
        """What another client needs to reach the bucket, with credentials that are valid now.

        Raises BusError READ_FAILED if there are none.
        """
        found = self._session.get_credentials()
        if found is None:
            raise BusError("READ_FAILED", "There are no S3 credentials.", hint=_CREDENTIALS_HINT)
        now = found.get_frozen_credentials()
        meta = self._client.meta
        style = (meta.config.s3 or {}).get("addressing_style")
        path_style = style == "path" or (style != "virtual" and not meta.endpoint_url.endswith(".amazonaws.com"))
        return S3Access(now.access_key, now.secret_key, now.token, meta.endpoint_url, meta.region_name, path_style)

    def keys(self, prefix: str) -> list[str]:
        answer = self._call(
            lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._before + prefix, MaxKeys=1000)
        )
        return [item["Key"][len(self._before) :] for item in answer.get("Contents", [])]

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._before + key}

    def _unless_taken(self, call: Callable[[], Any]) -> bool:
        try:
            self._call(call)
        except _Status as error:
            if error.status != 412:
                raise
            return False
        return True

    def _found(self, call: Callable[[], Any]) -> Any:
        try:
            return self._call(call)
        except _Status as error:
            if error.status != 404:
                raise
            return None

    def _call(self, call: Callable[[], Any]) -> Any:
        """Raises StoreDenied, StoreFailed, BusError; _Status for 404 and 412."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
        from urllib3.exceptions import HTTPError

        try:
            return call()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            sentence = f"the object store answered {code} ({status})"
            if code == "NoSuchBucket":
                raise BusError("BUS_ROOT_NOT_FOUND", f"There is no bucket {self._bucket}.") from error
            if code in _WRONG_CONTENT:
                raise BusError("CHECKSUM_MISMATCH", f"The content changed after it was hashed: {sentence}.") from error
            if status in (401, 403):
                raise StoreDenied(sentence) from error
            raise (_Status if status in (404, 412) else StoreFailed)(sentence, status) from error
        except NoCredentialsError as error:
            raise StoreDenied("there are no S3 credentials") from error
        except (BotoCoreError, HTTPError) as error:
            raise StoreFailed(f"the object store does not answer: {error}") from error


class _Status(StoreFailed):
    """An answer that may be expected."""

    @property
    def status(self) -> int:
        return int(self.args[1])

    def __str__(self) -> str:
        return str(self.args[0])


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")
