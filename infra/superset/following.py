"""What Superset's worker does each minute in production: open the account of a new partner, without being told.

Partners are read as `lakou_reader`, like everything that Superset sees. Superset's own housekeeping (old logs and queries) runs
beside it.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from superset.extensions import celery_app
from superset.tasks import scheduler as _housekeeping  # noqa: F401 - registers prune_logs and prune_query

log = logging.getLogger(__name__)
BOOTSTRAP = Path(__file__).resolve().parent / "bootstrap.py"


@celery_app.task(name="lakou.follow")
def follow() -> str:
    """Bring the accounts to the partners of the current publication; says what was done."""
    from sqlalchemy import create_engine, text

    engine = create_engine(os.environ["LAKOU_READER_URI"])
    try:
        with engine.connect() as connection:
            rows = connection.execute(text("select partner_code, label from pub.partners order by 1")).fetchall()
    finally:
        engine.dispose()
    return _open_accounts([{"code": code, "name": name} for code, name in rows])


def _open_accounts(partners: list[dict[str, str]]) -> str:
    path = Path(os.environ["LAKOU_PARTNERS_FILE"])
    wanted = json.dumps(partners, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == wanted:
        return "nothing new"
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
