"""Places of files by URL: the landing and the backups, in a folder or in an object store."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any


def open_store(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it, without a slash at its end.

    Raises:
        ValueError, ImportError: it is no URL that can be opened here.
    """
    import fsspec

    # others write there too: what was listed a moment ago says nothing
    options = {"use_listings_cache": False} if url.startswith("s3://") else {}
    filesystem, root = fsspec.core.url_to_fs(url, **options)
    return filesystem, str(root).rstrip("/")


def to_disk(file: IO[bytes]) -> None:
    """See that what was written survives a loss of power; an object store keeps an object whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    file.flush()
    try:
        descriptor = file.fileno()
    except io.UnsupportedOperation:
        return
    os.fsync(descriptor)


@contextmanager
def failing_as_files_do() -> Iterator[None]:
    """Raise an `OSError` for what a store says in exceptions of its own: not reached, no credentials."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        raise OSError(str(error)) from error
