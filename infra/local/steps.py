"""Steps of a command: run side by side where they may, each shown with its time. Standard library only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ingestion.errors import LakouError

QUIET_SECONDS = 15


class Skipped(Exception):  # noqa: N818 - not a failure: a step before it failed
    """A step that did not run since one that it needs failed."""


class StepError(LakouError):
    """A step failed; the text names it and shows the last lines of its log."""


def last_lines(log: Path, count: int = 15) -> str:
    """The last lines of a log, indented; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            lines = file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        return ""
    return "\n".join(f"    | {line}" for line in lines)


class Board:
    """Shows steps as they end, and now and then what is still running."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._children: set[subprocess.Popen[bytes]] = set()
        self._last = time.monotonic()
        self._stopped = threading.Event()
        self._failing = False

    def say(self, line: str) -> None:
        """Print one line."""
        with self._lock:
            self._last = time.monotonic()
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def step(self, title: str, action: Callable[[], str | None]) -> str | None:
        """Run one step here and now; its answer, if any, is shown behind its title."""
        begun = time.monotonic()
        self._running[title] = begun
        try:
            answer = action()
        except LakouError as error:
            self._show_failure(title, begun)
            raise StepError(f"{title}: {error.what}", error.remedy) from error
        except Exception as error:
            if not isinstance(error, Skipped):
                self._show_failure(title, begun)
            raise
        finally:
            self._running.pop(title, None)
        self.say(f"✓ {time.monotonic() - begun:5.1f} s  {title}" + (f": {answer}" if answer else ""))
        return answer

    def _show_failure(self, title: str, begun: float) -> None:
        # what was running when another step failed was stopped, it did not fail
        mark, end = ("-", ": stopped") if self._failing else ("✗", "")
        self.say(f"{mark} {time.monotonic() - begun:5.1f} s  {title}{end}")

    def run_all(self, steps: Mapping[str, tuple[str, Callable[[], str | None], Iterable[str]]]) -> None:
        """Run steps side by side, each after those that it names.

        Args:
            steps: by key: title, action, keys of the steps to wait for; written in an order that could be run.

        Raises:
            LakouError: the first failure, once everything that was running has ended.
        """
        futures: dict[str, Future[None]] = {}
        failures: list[BaseException] = []

        def work(title: str, action: Callable[[], str | None], needs: list[Future[None]]) -> None:
            for need in needs:
                if need.exception():
                    raise Skipped(title)
            if failures:
                raise Skipped(title)
            try:
                self.step(title, action)
            except Skipped:
                raise
            except BaseException as error:
                failures.append(error)
                self._failing = True
                self.stop_children()
                raise

        watcher = threading.Thread(target=self._tell_what_runs, daemon=True)
        watcher.start()
        with ThreadPoolExecutor(max_workers=len(steps) or 1) as pool:
            try:
                for key, (title, action, after) in steps.items():
                    futures[key] = pool.submit(work, title, action, [futures[name] for name in after])
                for future in futures.values():
                    future.exception()
            except KeyboardInterrupt:
                self._failing = True
                failures.append(LakouError("interrupted", "run the same command again: it goes on from here"))
                self.stop_children()
        self._stopped.set()
        if failures:
            raise failures[0]

    def _tell_what_runs(self) -> None:
        while not self._stopped.wait(1):
            if self._running and time.monotonic() - self._last > QUIET_SECONDS:
                now = time.monotonic()
                names = ", ".join(f"{title} ({now - begun:.0f} s)" for title, begun in list(self._running.items()))
                self.say(f"…          still at: {names}")

    def command(
        self,
        arguments: list[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        follow: Callable[[str], None] | None = None,
        timeout: float = 900,
    ) -> None:
        """Run a program, its output to `log` (and each line to `follow`).

        Raises:
            StepError: it failed or took too long; with the last lines of the log.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        name = Path(arguments[0]).name
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if follow else output,
                    stderr=subprocess.STDOUT,
                    env=dict(environment) if environment is not None else None,
                    start_new_session=True,
                )
                self._children.add(child)
                timer = threading.Timer(timeout, _kill_group, [child])
                timer.start()
                try:
                    if follow and child.stdout:
                        for line in child.stdout:
                            output.write(line)
                            output.flush()
                            follow(line.decode("utf-8", "replace").rstrip())
                    code = child.wait()
                finally:
                    timer.cancel()
                    self._children.discard(child)
        except OSError as error:
            raise StepError(f"{name} cannot be run ({error.strerror}: {error.filename})") from error
        if code:
            raise StepError(f"{name} ended with code {code}; the end of {log}:\n{last_lines(log)}")

    def stop_children(self) -> None:
        """End the programs that steps are waiting for."""
        for child in list(self._children):
            _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
