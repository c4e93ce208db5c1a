"""Works on several files of a job at once."""

from __future__ import annotations

from contextvars import copy_context
from threading import Lock, Thread
from typing import Callable, Iterable, TypeVar

_File = TypeVar("_File")
_Result = TypeVar("_Result")

_FILES_AT_ONCE = 4
"""It bounds the memory."""


def several_files(files: Iterable[_File], work: Callable[[_File], _Result]) -> list[_Result]:
    """Returns the results, in the order of the files.

    After a failure it begins no other file, waits for those that it has begun, and raises the first
    error."""
    waiting = list(enumerate(files))[::-1]
    results: dict[int, _Result] = {}
    errors: list[BaseException] = []
    lock = Lock()

    def go_on() -> None:
        while not errors:
            with lock:
                if not waiting:
                    return
                index, file = waiting.pop()
            try:
                results[index] = work(file)
            except BaseException as error:
                errors.append(error)

    helpers = [Thread(target=copy_context().run, args=(go_on,)) for _ in waiting[1:_FILES_AT_ONCE]]
    started = []
    try:
        for helper in helpers:
            helper.start()
            started.append(helper)
    except RuntimeError:
        pass  # while Python ends, it starts no threads
    try:
        go_on()
        for helper in started:
            helper.join()
    except BaseException as error:  # Ctrl-C while it waits
        errors.append(error)
    if errors:
        raise errors[0]
    return [results[index] for index in sorted(results)]
