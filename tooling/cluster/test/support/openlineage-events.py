"""Reads events of OpenLineage with the standard's library. Fails for what it does not know."""

import importlib
import json
import pkgutil
import sys
import typing

import attr
from openlineage.client import generated
from openlineage.client.event_v2 import RunEvent
from openlineage.client.generated.base import BaseFacet
from openlineage.client.serde import Serde

for module in pkgutil.iter_modules(generated.__path__):
    importlib.import_module(f"{generated.__name__}.{module.name}")


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


FACETS = {cls._get_schema(): cls for cls in subclasses(BaseFacet)}


def read(kind, value):
    """An object of the library for a value, whose type must be the declared one."""
    options = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if type(None) in options:
        [kind] = [option for option in options if option is not type(None)]
        return read(kind, value)
    if origin is list:
        return [read(options[0], item) for item in value]
    if origin is dict:
        return {key: read(options[1], item) for key, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, BaseFacet):
        kind = FACETS[value["_schemaURL"]]
    if attr.has(kind):
        fields = {field.alias: field for field in attr.fields(attr.resolve_types(kind)) if field.init}
        given = {("producer" if key == "_producer" else key): item for key, item in value.items()}
        given = {key: item for key, item in given.items() if key not in ("schemaURL", "_schemaURL")}
        return kind(**{key: read(fields[key].type, item) for key, item in given.items()})
    built = kind(value)
    assert isinstance(value, str) or built == value and type(built) is type(value), (kind, value)
    return built


def without_empty(value):
    if isinstance(value, dict):
        return {key: without_empty(item) for key, item in value.items() if item not in ({}, [], None)}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


events = json.load(sys.stdin)
for event in events:
    assert without_empty(Serde.to_dict(read(RunEvent, event))) == without_empty(event), event
print(len(events))
