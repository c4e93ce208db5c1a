"""Where the bus is: the argument, QUANTBOT_BUS_ROOT, the nearest bus_config.json, ``data/bus``."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, Match, NamedTuple, Optional, Union

from ._errors import BusError

StrPath = Union[str, "os.PathLike[str]"]

CONFIG_FILE = "bus_config.json"
LAYOUT_VERSION = 1
HTTP = ("http://", "https://")
"""How the URL of a daemon's server begins."""
_URLS = ("s3://", "file://", *HTTP)


class BusPaths(NamedTuple):
    """The paths of a ``bus_config.json``, all absolute."""

    config: Optional[Path]
    bus_root: Path
    duckdb_path: Path
    export_dir: Path
    export_enabled: bool
    object_root: Optional[str] = None
    """The URL of an object store or a server in the place of ``bus_root``."""
    s3: Mapping[str, Any] = MappingProxyType({})
    """How the configuration of a cluster reaches its S3 server."""
    cluster: Mapping[str, Any] = MappingProxyType({})
    """The section ``cluster`` as it is in the file."""


class ObjectRoot(NamedTuple):
    """The object store, or the server of a daemon, that jobs are submitted to."""

    url: str
    s3: Mapping[str, Any]


Origin = Union[None, str, ObjectRoot]
"""The server or the object store that has the files of a bus; None for this machine."""


class ClusterSettings(NamedTuple):
    """How to reach the lake of a cluster."""

    postgres: str
    extensions: Optional[Path]
    """The folder with DuckDB's extensions; without one, DuckDB downloads them."""
    s3: Mapping[str, Any]


def find_bus_paths(cwd: Optional[StrPath] = None, env: Optional[Mapping[str, str]] = None) -> BusPaths:
    """Reads the configuration: QUANTBOT_BUS_CONFIG, then the nearest ``bus_config.json`` upwards,
    else the defaults.

    Raises BusError CONFIG_NOT_FOUND, CONFIG_INVALID or BUS_ROOT_INVALID.
    """
    variables = os.environ if env is None else env
    base = Path(os.path.abspath("." if cwd is None else cwd))
    named = variables.get("QUANTBOT_BUS_CONFIG")
    path = Path(os.path.abspath(base / named)) if named else _find_upwards(base)
    settings: dict[str, Any] = {} if path is None else _read_config(path)
    if path is not None:
        base = path.parent
    export = settings.get("export", {})
    if not isinstance(export, dict):
        raise BusError("CONFIG_INVALID", f"{path}: export is not an object.")

    def place(among: Mapping[str, Any], name: str, default: str) -> Path:
        value = among.get(name, default)
        if not isinstance(value, str) or value == "":
            raise BusError("CONFIG_INVALID", f"{path}: {name} is not a path.")
        return checked_root(base / value, name)

    cluster = settings.get("cluster") or {}
    if not isinstance(cluster, dict):
        raise BusError("CONFIG_INVALID", f"{path}: cluster is not an object.")
    named_root = settings.get("bus_root")
    is_url = isinstance(named_root, str) and named_root.startswith(_URLS)
    if is_url:
        settings = {name: value for name, value in settings.items() if name != "bus_root"}
    return BusPaths(
        config=path,
        bus_root=place(settings, "bus_root", "data/bus"),
        duckdb_path=place(settings, "duckdb_path", "data/alerts.duckdb"),
        export_dir=place(export, "export_dir", "data/exports"),
        export_enabled=export.get("enabled", True) is not False,
        object_root=_cluster_objects(cluster) or (named_root if is_url else None),
        s3=cluster.get("s3") or {},
        cluster=cluster,
    )


def find_cluster(url: str, config: Optional[StrPath] = None) -> ClusterSettings:
    """How to reach the lake of the bus in an object store, from ``config`` or the configuration
    that :func:`find_bus_paths` finds.

    Raises BusError CONFIG_NOT_FOUND, CONFIG_INVALID, LAKE_UNKNOWN.
    """
    env = None if config is None else {**os.environ, "QUANTBOT_BUS_CONFIG": os.fspath(config)}
    paths = find_bus_paths(env=env)
    postgres = _filled(paths.cluster.get("postgres"))
    if paths.config is None or postgres is None or (paths.object_root or "").rstrip("/") != url.rstrip("/"):
        raise BusError("LAKE_UNKNOWN", f"Reading {url} needs the bus_config.json of its cluster, which names PostgreSQL.")
    extensions = paths.cluster.get("extensions")
    folder = None if not isinstance(extensions, str) else Path(os.path.abspath(paths.config.parent / extensions))
    return ClusterSettings(postgres, folder, paths.s3)


def _cluster_objects(cluster: Mapping[str, Any]) -> Optional[str]:
    return _filled(cluster.get("objects"))


def _filled(text: object) -> Optional[str]:
    """A setting of a cluster, with variables of the environment filled in."""
    return None if not isinstance(text, str) else re.sub(r"\$\{(\w+)\}", _variable, text)


def _variable(match: Match[str]) -> str:
    value = os.environ.get(match[1])
    if value is None:
        raise BusError(
            "CONFIG_INVALID", f"The environment has no variable {match[1]}, which the section cluster names."
        )
    return value


def find_object_root(
    bus_root: Optional[StrPath] = None, env: Optional[Mapping[str, str]] = None
) -> Optional[ObjectRoot]:
    """The object store or the server to submit to; None if the bus is in a folder.

    Raises BusError CONFIG_NOT_FOUND or CONFIG_INVALID.
    """
    variables = os.environ if env is None else env
    named = bus_root if bus_root is not None else variables.get("QUANTBOT_BUS_ROOT") or None
    if named is None:
        paths = find_bus_paths(env=variables)
        return None if paths.object_root is None else ObjectRoot(paths.object_root, paths.s3)
    if isinstance(named, str) and named.startswith(_URLS):
        return ObjectRoot(named, {})
    return None


def find_bus_root(bus_root: Optional[StrPath] = None, env: Optional[Mapping[str, str]] = None) -> Path:
    """The bus root to submit to, as an absolute path.

    Raises BusError BUS_ROOT_NOT_FOUND when no bus has marked the folder as its own: nobody would
    read what is submitted there. """
    root = bus_folder(bus_root, env)
    check_marker(root)
    return root


def bus_folder(bus_root: Optional[StrPath] = None, env: Optional[Mapping[str, str]] = None) -> Path:
    """:func:`find_bus_root`, whether or not there is a bus."""
    variables = os.environ if env is None else env
    named = bus_root if bus_root is not None else variables.get("QUANTBOT_BUS_ROOT") or None
    return find_bus_paths(env=variables).bus_root if named is None else checked_root(Path(named))


def checked_root(path: Path, setting: str = "bus_root") -> Path:
    """Refuses paths that DuckDB would misread as a glob or as a Hive partition."""
    text = os.path.abspath(path)
    if re.search(r"[*?\[\]{}\\]", text):
        raise BusError(
            "BUS_ROOT_INVALID", f"{setting} is {text}, which has a character that means something in a glob."
        )
    if re.search(r"[^/]=", text):
        raise BusError(
            "BUS_ROOT_INVALID", f"{setting} is {text}, which has a folder that DuckDB takes for a Hive partition."
        )
    return Path(text)


def check_marker(root: Path) -> None:
    """Raises BusError BUS_ROOT_NOT_FOUND for a folder that is not that of a bus."""
    marker = root / "bus.json"
    try:
        text = _read_regular(marker)
    except (FileNotFoundError, NotADirectoryError):
        raise BusError(
            "BUS_ROOT_NOT_FOUND", f"No bus has marked {root} as its own, so nobody would read what is submitted there."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BusError("BUS_ROOT_NOT_FOUND", f"{marker} cannot be read: {error}.") from error
    check_marker_text(text, str(root), str(marker))


def check_marker_text(text: str, root: str, marker: str) -> None:
    """Checks the content of a marker.

    Raises BusError BUS_ROOT_NOT_FOUND.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("bus") != "quantbot-artifact-bus":
        raise BusError("BUS_ROOT_NOT_FOUND", f"{marker} is not the marker of a bus.")
    version = content.get("layout_version")
    if not _is_as_written(content) and not (isinstance(version, int) and version > LAYOUT_VERSION):
        raise BusError(
            "BUS_ROOT_NOT_FOUND",
            f"{marker} is damaged: it is not the marker of a bus as it was written.",
            hint="Start the daemon: it restores the file. If that does not help, run `quantbot-bus doctor`.",
        )
    if not isinstance(version, int) or version > LAYOUT_VERSION:
        raise BusError(
            "BUS_ROOT_NOT_FOUND",
            f"{root} has layout {version}; this version knows {LAYOUT_VERSION}.",
            hint="Update quantbot-bus (bus_submit.py).",
        )


def _read_regular(path: Path) -> str:
    """The text of a regular file. It never blocks on a FIFO in its place."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return file.read()


def _is_as_written(content: dict[str, Any]) -> bool:
    """Whether a marker fits its checksum. Earlier versions wrote none, and no other fields."""
    fields = {"bus": str, "layout_version": int, "bus_id": str, "created_at": str}
    state = {name: value for name, value in content.items() if name != "check"}
    if not all(type(state.get(name)) is kind for name, kind in fields.items()):
        return False
    if "check" not in content:
        return set(state) == set(fields)
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
    return bool(content["check"] == hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


def _find_upwards(start: Path) -> Optional[Path]:
    for folder in (start, *start.parents):
        path = folder / CONFIG_FILE
        if path.exists():
            return path
    return None


# A string, which may contain text that looks like a comment, or a comment.
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)


def _without_comments(text: str) -> str:
    return _STRING_OR_COMMENT.sub(_blanked, text)


def _blanked(found: re.Match[str]) -> str:
    """A string as it is, or a comment as spaces: lines and columns in errors of the parser stay."""
    return found[0] if found[0].startswith('"') else re.sub(r"[^\r\n]", " ", found[0])


class KeyTwice(ValueError):
    """An object has a key twice, of which parsers keep different values."""


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for ``object_pairs_hook``."""
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise KeyTwice(f"has a key twice: {json.dumps(key, ensure_ascii=False)}")
        content[key] = value
    return content


def _read_config(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_without_comments(path.read_text(encoding="utf-8-sig")), object_pairs_hook=unique_keys)
    except (FileNotFoundError, NotADirectoryError):
        raise BusError("CONFIG_NOT_FOUND", f"There is no configuration at {path}.") from None
    except OSError as error:
        raise BusError("CONFIG_INVALID", f"{path} cannot be read.", details=[str(error)]) from error
    except KeyTwice as error:
        raise BusError("CONFIG_INVALID", f"{path} {error}.") from None
    except (ValueError, RecursionError) as error:
        raise BusError("CONFIG_INVALID", f"{path} is not JSON.", details=[str(error)]) from error
    if not isinstance(content, dict):
        raise BusError("CONFIG_INVALID", f"{path} is not a JSON object.")
    return content
