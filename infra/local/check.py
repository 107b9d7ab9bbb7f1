"""`make check`: everything that can be judged without running the platform; all of it, then the verdict."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.local.layout import CHECKOUT, LOCKS, load_platform

MODELS = "dbt_project/models"


@dataclass(frozen=True, slots=True)
class Check:
    """One tool.

    Args:
        name: as shown.
        command: what to run in the checkout; a failure is any code but 0.
        after: what has to succeed before, as another command.
    """

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()


def checks() -> list[Check]:
    """Every check, in the order shown."""
    dbt: tuple[str, ...] = ("dbt", "--quiet", "parse", "--project-dir", "dbt_project", "--profiles-dir", "dbt_project")
    dbt = (*dbt, "--target-path", "target", "--no-partial-parse")
    compose = ("check-jsonschema", "--quiet", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    python = sys.executable
    return [
        Check("format", ("ruff", "format", "--check", "--quiet", "--diff", ".")),
        Check("lint", ("ruff", "check", "--quiet", ".")),
        Check("types", ("mypy",)),
        Check("layering", ("lint-imports",)),
        Check("YAML", ("yamllint", "--strict", ".")),
        Check("SQL", ("sqlfluff", "lint", "--disable-progress-bar", MODELS)),
        Check("compose", ("docker-compose", "config", "--quiet"), after=compose),
        Check("images", ("hadolint", "infra/docker/Dockerfile")),
        Check("dbt project", ("dbt-bouncer", "--config-file", "dbt-bouncer.yml"), after=dbt),
        Check("generated files", (python, "-m", "ingestion.generate", "--check")),
        Check("locks", (python, "-m", "infra.local.check", "locks")),
    ]


def run_check(check: Check) -> tuple[Check, bool, str, float]:
    """Run one check; returns whether it passed, what it said and how long it took."""
    begun = time.monotonic()
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    quiet = {"PATH": path, "DBT_SEND_ANONYMOUS_USAGE_STATS": "False", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}
    # the profile names it, and parsing connects to nothing
    quiet |= {"LAKOU_DBT_PASSWORD": "unused", "DBT_LOG_PATH": str(load_platform().logs)}
    said = ""
    code = 0
    for command in filter(None, (check.after, check.command)):
        try:
            done = subprocess.run(
                command, cwd=CHECKOUT, env=os.environ | quiet, capture_output=True, text=True, check=False
            )
        except OSError as error:
            code, said = 1, f"{command[0]} cannot be run: {error.strerror}"
            break
        code, said = done.returncode, (done.stdout + done.stderr).strip()
        if code:
            break
    return check, code == 0, said, time.monotonic() - begun


def main() -> int:
    """Run every check, two at a time; 1 when one fails."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        failed = []
        for check, passed, said, seconds in pool.map(run_check, checks()):
            sys.stdout.write(f"{'✓' if passed else '✗'} {seconds:5.1f} s  {check.name}\n")
            sys.stdout.flush()
            if not passed:
                failed.append(check.name)
                sys.stdout.write("".join(f"    | {line}\n" for line in said.splitlines()[-60:]))
    if failed:
        sys.stdout.write(f"\nFailed: {', '.join(failed)}. `make fix` mends format and some of the lint.\n")
    return 1 if failed else 0


def requirement_digest(path: Path) -> str:
    """Digest of what a list of requirements asks for, comments and spaces apart."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()


def check_locks() -> int:
    """Without network: each lock was made from its list as it is now, and pins and hashes everything that it names.

    The digests in `infra/requirements/inputs.sha256` are those of the lists when the locks were made;
    `python -m infra.local.check lock` makes the locks again and writes them.
    """
    wrong = []
    digests = [line.split() for line in _digests().read_text(encoding="utf-8").splitlines()]
    recorded = {name: digest for digest, name in digests}
    for path in sorted(LOCKS.glob("*.in")):
        lock = path.with_suffix(".txt")
        if recorded.get(path.name) != requirement_digest(path):
            wrong.append(f"{path.name} was changed after {lock.name} was made")
        text = lock.read_text(encoding="utf-8")
        pinned = {_normal(name) for name in re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", text)}
        for line in path.read_text(encoding="utf-8").splitlines():
            name = re.match(r"[A-Za-z0-9._-]+", line.split("#")[0].strip())
            if name and not line.startswith("-") and _normal(name[0]) not in pinned:
                wrong.append(f"{lock.name} does not pin {name[0]}")
        bare = [line for line in text.splitlines() if re.match(r"[\w.\[\]-]+==", line) and not line.endswith("\\")]
        wrong += [f"{lock.name}: no hash for {line}" for line in bare]
        if re.search(r"(?i)https?://|--(extra-)?index|--find-links", text):
            wrong.append(f"{lock.name} names a registry")
    if wrong:
        sys.stdout.write("\n".join(wrong) + "\nTo mend it: python -m infra.local.check lock   (needs a registry)\n")
    return 1 if wrong else 0


def make_locks() -> int:
    """Make the locks again from their lists (needs a registry), for the oldest Python that we support."""
    uv = load_platform().venv("bootstrap") / "bin" / "uv"
    for name in ("bootstrap", "pipeline", "production", "superset", "dev", "live"):
        command = [str(uv), "pip", "compile", "--universal", "--generate-hashes", "--python-version", "3.11", "--quiet"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        done = subprocess.run([*command, f"{name}.in", "--output-file", f"{name}.txt"], cwd=LOCKS, check=False)
        if done.returncode:
            return done.returncode
    lines = [f"{requirement_digest(path)}  {path.name}\n" for path in sorted(LOCKS.glob("*.in"))]
    _digests().write_text("".join(lines), encoding="utf-8")
    return 0


def _digests() -> Path:
    return LOCKS / "inputs.sha256"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    raise SystemExit({"locks": check_locks, "lock": make_locks}.get((sys.argv[1:] or [""])[0], main)())
