"""`python -m infra.production COMMAND`: what the images of docker-compose.yml run.

    secrets            make the secrets of a new stack, check those of an old one
    setup              databases, roles, migrations, Airflow's tables and account
    run NAME           become a container's program (`run airflow-api`), or any program (`run lakou status`)
    probe NAME         say whether a container is well (code 1 when it is not)
    accounts           addresses and first accounts

Exit codes: 0 done, 1 failed, 2 usage.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.production.stack import load_stack
from ingestion.errors import LakouError

SHARES = Path("/run/lakou/shares")


def main(arguments: list[str]) -> int:
    """Run one command."""
    match arguments:
        case ["secrets"]:
            from infra.production.secret_shares import ensure_shares

            _say(ensure_shares(SHARES))
        case ["setup"]:
            from infra.production.setup import set_up

            set_up(load_stack(), _say)
        case ["run", _, *_]:
            from infra.production.containers import become

            become(load_stack(), arguments[1:])
        case ["probe", name]:
            from infra.production.probes import PROBES, probe

            if name not in PROBES:
                return _usage()
            probe(load_stack(), name)
        case ["accounts"]:
            from infra.production.accounts import summary

            _say(summary(load_stack(), SHARES))
        case _:
            return _usage()
    return 0


def _usage() -> int:
    sys.stderr.write(__doc__ or "")
    return 2


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except LakouError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None
