"""Bars for long uploads, with tqdm where it is installed."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import Any, BinaryIO, Callable, Iterator

SHOWN_FROM_BYTES = 16 * 1024 * 1024
"""Smaller files take no time that needs a bar."""
_DELAY_S = 1.0

Reached = Callable[[int], None]
"""Takes the bytes that have reached the bus. They can become fewer: a part is sent again."""


@contextmanager
def upload_bar(name: str, size: int) -> Iterator[Reached]:
    """Shows how far an upload is, on a terminal or in a notebook, from its first second on."""
    if size < SHOWN_FROM_BYTES:
        yield _show_nothing
        return
    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError:
        yield _show_nothing
        return
    with tqdm(
        total=size, desc=name, unit="B", unit_scale=True, unit_divisor=1024, delay=_DELAY_S, disable=None
    ) as bar:
        yield lambda reached: _show(bar, reached)


def _show_nothing(_: int) -> None:
    pass


def _show(bar: Any, reached: int) -> None:
    bar.update(reached - bar.n)


class ReadFile:
    """A file that says how far it was read. boto3 reads one twice if it must sign its content."""

    def __init__(self, file: BinaryIO, reached: Reached) -> None:
        self._file = file
        self._reached = reached

    def read(self, count: int = -1) -> bytes:
        content = self._file.read(count)
        self._reached(self._file.tell())
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        place = self._file.seek(offset, whence)
        self._reached(place)
        return place

    def tell(self) -> int:
        return self._file.tell()
