"""The cache of figures, in which nothing goes stale: each answer is kept under the edition of `pub` that it was read from.

A new publication, closing or book is another edition (`pub.edition`), so nothing has to be emptied, nor anybody told. What is
no longer asked for goes with age.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from flask import Flask, g
from flask_caching.backends.base import BaseCache
from flask_caching.backends.filesystemcache import FileSystemCache
from flask_caching.backends.rediscache import RedisCache
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine


class FiguresCache(BaseCache):  # type: ignore[misc]
    """Keeps in Redis where its URL is set, on disk otherwise."""

    def __init__(self, kept: BaseCache) -> None:
        super().__init__(default_timeout=kept.default_timeout)
        self.kept = kept

    @classmethod
    def factory(cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> FiguresCache:
        """As Flask-Caching makes its own caches."""
        backend = RedisCache if config.get("CACHE_REDIS_URL") else FileSystemCache
        return cls(backend.factory(app, config, args, kwargs))

    def get(self, key: str) -> Any:
        return self.kept.get(_keyed(key))

    def set(self, key: str, value: Any, timeout: int | None = None) -> Any:
        return self.kept.set(_keyed(key), value, timeout)

    def delete(self, key: str) -> Any:
        return self.kept.delete(_keyed(key))

    def clear(self) -> Any:
        return self.kept.clear()


@cache
def _reader() -> Engine:
    return create_engine(os.environ["LAKOU_READER_URI"], pool_size=2, pool_pre_ping=True)


def _keyed(key: str) -> str:
    # read before the query of the same request: an answer is never kept under a later edition than its own
    if "lakou_edition" not in g:
        with _reader().connect() as connection:
            g.lakou_edition = connection.execute(text("select edition from pub.edition")).scalar()
    return f"{g.lakou_edition}_{key}"
