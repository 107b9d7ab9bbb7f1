"""`python -m infra.local up|down|status|reset`, and `… exec PROGRAM …`: any program in the platform's environment."""

from __future__ import annotations

import os
import signal
import sys

from infra.local.bootstrap import report
from infra.local.layout import load_platform
from ingestion.errors import LakouError


def main(arguments: list[str]) -> int:
    """Run one command; returns its exit code."""
    platform = load_platform()
    # the lock taken before this environment was there; what is started from here must not hold it
    descriptor = os.environ.pop("LAKOU_LOCK_DESCRIPTOR", "")
    if descriptor:
        os.set_inheritable(int(descriptor), False)
    if arguments[:1] == ["exec"] and len(arguments) > 1:
        from infra.local.services import launch

        launch(platform, arguments[1:])
    from infra.local import commands

    known = {"up": commands.up, "down": commands.down, "status": commands.status, "reset": commands.reset}
    if len(arguments) != 1 or arguments[0] not in known:
        sys.stderr.write("usage: python -m infra.local up|down|status|reset|exec PROGRAM …\n")
        return 2
    if arguments[0] == "status":
        # `make status | head` ends quietly
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return known[arguments[0]](platform)


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except LakouError as failure:
        raise SystemExit(report(failure)) from None
