"""What Superset's worker does each minute in production: follow the publication and the partners, without being told.

A new publication empties the cache of figures; a new partner gets its account. Both are read as `lakou_reader`, like
everything that Superset sees. Superset's own housekeeping (old logs and queries) runs beside it.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from superset.extensions import cache_manager, celery_app
from superset.tasks import scheduler as _housekeeping  # noqa: F401 - registers prune_logs and prune_query

log = logging.getLogger(__name__)
BOOTSTRAP = Path(__file__).resolve().parent / "bootstrap.py"
SEEN = "lakou_seen_publication"


@celery_app.task(name="lakou.follow")
def follow() -> str:
    """Bring the cache and the accounts to the current publication; says what was done."""
    from sqlalchemy import create_engine, text

    engine = create_engine(os.environ["LAKOU_READER_URI"])
    try:
        with engine.connect() as connection:
            publication = connection.execute(text("select publication_id from pub.publication")).scalar()
            rows = connection.execute(text("select partner_code, label from pub.partners order by 1")).fetchall()
    finally:
        engine.dispose()
    done = [_empty_cache(publication), _open_accounts([{"code": code, "name": name} for code, name in rows])]
    return ", ".join(filter(None, done)) or "nothing new"


def _empty_cache(publication: int | None) -> str:
    # kept in another cache than the one that is emptied
    if cache_manager.cache.get(SEEN) == publication:
        return ""
    cache_manager.data_cache.clear()
    cache_manager.cache.set(SEEN, publication, timeout=0)
    log.info("publication %s: the cache of figures is empty", publication)
    return f"publication {publication}"


def _open_accounts(partners: list[dict[str, str]]) -> str:
    path = Path(os.environ["LAKOU_PARTNERS_FILE"])
    wanted = json.dumps(partners, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == wanted:
        return ""
    temporary = path.with_suffix(".new")
    temporary.write_text(wanted, encoding="utf-8")
    temporary.replace(path)
    done = subprocess.run([sys.executable, str(BOOTSTRAP)], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        # tried again at the next minute
        path.unlink()
        raise RuntimeError(done.stderr.strip()[-800:])
    log.info("%d partners have an account", len(partners))
    return f"{len(partners)} partners"
