"""Reads a bus on many machines: its lake, attached read-only to DuckDB."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Mapping, NamedTuple, Optional
from urllib.parse import parse_qsl, unquote, urlsplit

from ._bus_root import ClusterSettings, ObjectRoot, StrPath, find_cluster
from ._database import PUBLISHED, Database, Instance, kept_instance, need_new_duckdb
from ._durable import digest_of
from ._errors import BusError
from ._frames import library
from ._objects import StoreDenied, StoreFailed
from ._queries import literal

if TYPE_CHECKING:
    from ._s3 import S3Objects

_URL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?(?P<hosts>[^/?]*)"
    r"(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?"
)
_PLACE = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d+))?")
_TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "tcp_user_timeout": "30000",
}
"""Without these, libpq waits a quarter of an hour for a server that has vanished."""
_SECRETS = re.compile(r"\b(password)=\S+|(://[^:/\s]*):[^@/\s]+@", re.IGNORECASE)


class Conninfo(NamedTuple):
    """How to connect to PostgreSQL, as libpq's keywords and values; the password apart, because
    DuckDB shows the text of an attached database to every query."""

    text: str
    password: Optional[str]


class LakeDatabase(Database):
    """The lake of a cluster. Each query sees the newest publication."""

    def __init__(self, store: ObjectRoot, config: Optional[StrPath]) -> None:
        super().__init__(Path("of the cluster"))
        self._store = store
        self._config = config
        self._objects: Optional[S3Objects] = None
        self._secret: Optional[str] = None

    def _current(self) -> Instance:
        if self._closed:
            raise BusError("CLOSED", "The bus was closed.")
        known = self._instance
        if known is None or self._pid != os.getpid() or known.is_broken:
            cluster = find_cluster(self._store.url, self._config)
            need_new_duckdb("Reading a bus on many machines")
            connection = _attached(cluster, self._store.url, self._secrets(cluster))
            known = kept_instance(connection)
            known.users = 1
            known.prepare = self._renew
            self._instance, self._pid = known, os.getpid()
        return known

    def _renew(self) -> None:
        """Gives DuckDB the credentials of now, before each query."""
        instance = self._instance
        if self._objects is None or instance is None:
            return
        secret = _secret_of(self._objects)
        if secret != self._secret:
            instance.connection.cursor().execute(secret)
            self._secret = secret

    def _secrets(self, cluster: ClusterSettings) -> list[str]:
        if self._store.url.startswith("file:"):
            return []
        from ._s3 import open_s3

        self.server = ObjectRoot(self._store.url, dict(cluster.s3))
        self._objects = open_s3(self._store.url, cluster.s3)
        self._secret = _secret_of(self._objects)
        return [self._secret]


@contextmanager
def stored_file(store: ObjectRoot, at: Path, key: str, sha256: str, size: int) -> Iterator[Path]:
    """The object of an artifact, on this machine until the end of the block.

    Raises BusError FILE_NOT_FOUND, OBJECT_CLIENT_MISSING, READ_FAILED.
    """
    from ._s3 import open_s3

    objects = open_s3(store.url, store.s3)
    with tempfile.TemporaryDirectory(prefix="quantbot-bus-") as folder:
        path = Path(folder) / "artifact.parquet"
        try:
            found = objects.fetch(str(at.relative_to(Path(store.url))), path)
        except (StoreDenied, StoreFailed) as error:
            raise BusError("READ_FAILED", f"The artifact {key} could not be read: {error}.") from error
        if not found:
            raise BusError("FILE_NOT_FOUND", f"{store.url} does not have the file of {key}.")
        if digest_of(path) != (size, sha256):
            raise BusError("READ_FAILED", f"{store.url} has another file than that of {key}.")
        yield path


def conninfo_of(url: str) -> Conninfo:
    """Takes the URL of a database apart."""
    match = _URL.fullmatch(url)
    parts: Mapping[str, Optional[str]] = {} if match is None else match.groupdict()
    places = [_PLACE.fullmatch(place) for place in (parts.get("hosts") or "").split(",")]
    ports = [(place and place["port"]) or "" for place in places]
    given = dict(parse_qsl(parts.get("query") or ""))
    password = given.pop("password", None) or (parts.get("password") and unquote(str(parts["password"])))
    settings = {
        "user": unquote(parts.get("user") or ""),
        "host": ",".join(unquote((place and place["host"]) or "").strip("[]") for place in places),
        "port": ",".join(ports) if any(ports) else "",
        "dbname": parts.get("dbname") or "",
        **_TIMEOUTS,
        **given,
    }
    text = " ".join(f"{name}={_keyword(value)}" for name, value in settings.items() if value)
    return Conninfo(text, password or None)


def _attached(cluster: ClusterSettings, root: str, secrets: list[str]) -> Any:
    duckdb = library("duckdb", "duckdb", "Reading the bus")
    settings = {"temp_directory": str(Path(tempfile.gettempdir()) / f"quantbot-bus-{os.getpid()}-spill")}
    if cluster.extensions is not None:
        settings.update(autoinstall_known_extensions="false", autoload_known_extensions="false")
    connection = duckdb.connect(":memory:", config=settings)
    address = conninfo_of(cluster.postgres)
    try:
        for name in ("ducklake", "postgres_scanner", *(["httpfs"] if root.startswith("s3:") else [])):
            _load(connection, name, cluster.extensions, duckdb)
        for secret in secrets:
            connection.execute(secret)
        if address.password is not None:
            connection.execute(f"CREATE SECRET (TYPE postgres, PASSWORD {literal(address.password)})")
        try:
            connection.execute(f"ATTACH {literal('ducklake:postgres:' + address.text)} AS {PUBLISHED} (READ_ONLY)")
        except duckdb.Error as error:
            said = _SECRETS.sub(r"\1\2:***@", str(error))
            raise BusError("LAKE_UNREACHABLE", f"DuckLake cannot be attached: {said}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _load(connection: Any, name: str, folder: Optional[Path], duckdb: Any) -> None:
    try:
        if folder is None:
            connection.execute(f"INSTALL {name}")
            connection.execute(f"LOAD {name}")
            return
        files = sorted(folder.rglob(f"{name}.duckdb_extension"))
        if not files:
            raise FileNotFoundError(f"there is no {name}.duckdb_extension below {folder} (cluster.extensions)")
        own = [file for file in files if f"v{duckdb.__version__}" in file.parts]
        connection.execute(f"LOAD {literal(str((own or files)[0]))}")
    except (duckdb.Error, OSError) as error:
        sentence = f"DuckDB {duckdb.__version__} cannot load its extension {name}: {error}"
        raise BusError("EXTENSION_MISSING", sentence) from error


def _secret_of(objects: S3Objects) -> str:
    """DuckDB's secret for the bucket, with the credentials that boto3 finds."""
    access = objects.access()
    server = urlsplit(access.endpoint)
    words = {
        "KEY_ID": access.key_id,
        "SECRET": access.secret,
        "SESSION_TOKEN": access.session_token,
        "ENDPOINT": server.netloc + server.path.rstrip("/"),
        "REGION": access.region,
        "URL_STYLE": "path" if access.path_style else "vhost",
    }
    texts = [f"{name} {literal(value)}" for name, value in words.items() if value]
    texts.append(f"USE_SSL {str(server.scheme == 'https').lower()}")
    return f"CREATE OR REPLACE SECRET _bus (TYPE s3, {', '.join(texts)})"


def _keyword(value: str) -> str:
    return "'" + re.sub(r"([\\'])", r"\\\1", value) + "'"
