"""SFTP server of the drop: one account a partner, keys only, no shell, each shut in its own folder.

A partner writes in `depot/` only. What it sends goes to a hidden file and takes its name when the partner's program
closes it, so that nobody reads half a file; what is cut before that is thrown away.

Run with `python -m infra.sftp.server`; reads `LAKOU_HOME`, `LAKOU_SECRETS_DIR`, `LAKOU_SFTP_PORT` and `LAKOU_SFTP_LISTEN`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import shutil
import signal
import stat as stat_module
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import asyncssh
from asyncssh.stream import SSHServerStreamSession

log = logging.getLogger("lakou.sftp")

PARTNER = re.compile(r"[A-Z0-9-]{2,16}")
FOLDERS = ("depot", "accuses", "modeles", "traites")
TEMPORARY_PREFIX = ".envoi-"
NAME_BYTES = 200
# what lies in a folder is counted again after so many seconds; sooner where it seems full
QUOTA_SECONDS = 5.0
FULL_SECONDS = 0.5
WRITING = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server accepts.

    Args:
        connections: open connections in all.
        connections_by_partner: open connections of one partner.
        file_bytes: size of one file.
        depot_bytes, depot_files: what the files of one partner's `depot/` may weigh, and how many they may be.
        free_bytes: what must stay free on the disk for an upload to go on.
    """

    connections: int = 60
    connections_by_partner: int = 6
    file_bytes: int = 2 * 1024 * 1024 * 1024
    depot_bytes: int = 5 * 1024 * 1024 * 1024
    depot_files: int = 20_000
    free_bytes: int = 200 * 1024 * 1024


@dataclass(slots=True)
class Upload:
    """A file being sent: its bytes are in `temporary` until it is closed."""

    target: Path
    temporary: Path
    file: BinaryIO
    append: bool
    size: int = 0
    started: float = field(default_factory=time.monotonic)
    failed: asyncssh.SFTPError | None = None


class Quota:
    """What lies in the partners' `depot/`: counted again now and then, since the receiver takes files away."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._used: dict[Path, tuple[int, int, float]] = {}

    def take(self, depot: Path, files: int, size: int) -> None:
        """Count so many more files and bytes in.

        Raises:
            asyncssh.SFTPFailure: there would be too many, or the disk is nearly full.
        """
        limits = self._limits
        held_files, held_bytes, counted_at = self._used.get(depot, (0, 0, 0.0))
        is_over = held_files + files > limits.depot_files or held_bytes + size > limits.depot_bytes
        age = time.monotonic() - counted_at
        if depot not in self._used or age > QUOTA_SECONDS or (is_over and age > FULL_SECONDS):
            held_files, held_bytes = _weighed(depot)
            counted_at = time.monotonic()
            if shutil.disk_usage(depot).free < limits.free_bytes:
                log.error("%s: upload refused, the disk is nearly full", depot.parent.name)
                raise asyncssh.SFTPFailure("Espace disque insuffisant sur la plateforme : réessayez plus tard.")
        if held_files + files > limits.depot_files:
            raise asyncssh.SFTPFailure(
                f"Votre dépôt est plein : {held_files} fichiers y attendent d'être lus, et {limits.depot_files} au plus"
                " sont admis. Réessayez dans quelques minutes, ou retirez des fichiers de /depot."
            )
        if held_bytes + size > limits.depot_bytes:
            raise asyncssh.SFTPFailure(
                f"Votre dépôt est plein : {_megabytes(limits.depot_bytes)} au plus peuvent y attendre d'être lus."
                " Réessayez dans quelques minutes, ou retirez des fichiers de /depot."
            )
        self._used[depot] = held_files + files, held_bytes + size, counted_at

    def count_again(self, depot: Path) -> None:
        """Forget what was counted: something was taken away."""
        self._used.pop(depot, None)


def _weighed(depot: Path) -> tuple[int, int]:
    """How many files a folder holds, unfinished uploads included, and their bytes."""
    sizes = []
    with os.scandir(depot) as entries:
        for entry in entries:
            # the receiver may take it away at this very moment
            with suppress(FileNotFoundError):
                sizes.append(entry.stat(follow_symlinks=False).st_size)
    return len(sizes), sum(sizes)


def _megabytes(size: int) -> str:
    return f"{size // 1024 // 1024} Mo" if size >= 1024 * 1024 else f"{size} octets"


class Session(SSHServerStreamSession[bytes]):
    """A channel that carries SFTP and nothing else (no shell, no command)."""

    def __init__(self, drop: Path, limits: Limits, quota: Quota) -> None:
        super().__init__(None, lambda channel: PartnerFiles(channel, self, drop, limits, quota), 3)


class PartnerFiles(asyncssh.SFTPServer):
    """What one partner sees and may do: its folder as `/`, read everything, write in `/depot` only."""

    def __init__(
        self,
        channel: asyncssh.SSHServerChannel[bytes],
        session: Session,
        drop: Path,
        limits: Limits,
        quota: Quota,
    ) -> None:
        self.partner = channel.get_extra_info("username")
        root = drop / self.partner
        for folder in FOLDERS:
            (root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(channel, chroot=os.fsencode(root))
        self._session = session
        self._root = root.resolve()
        self._depot = self._root / "depot"
        self._limits = limits
        self._quota = quota
        self._uploads: dict[Path, Upload] = {}

    # -- where things are

    def map_path(self, path: bytes) -> bytes:
        """Local path of a partner's path, its folder being `/`; never above it, links not yet followed."""
        mapped: bytes = super().map_path(path)
        return mapped.rstrip(b"/")

    def _inside(self, path: bytes) -> Path:
        """Local path of a partner's path; a link on the way is refused, wherever it leads."""
        local = os.fsdecode(self.map_path(path))
        if "\0" in local or os.path.realpath(local) != local:
            raise asyncssh.SFTPPermissionDenied("Accès refusé : lien ou chemin interdit.")
        found = Path(local)
        if found.name.startswith(".") and found != self._root:
            raise asyncssh.SFTPNoSuchFile("Fichier introuvable.")
        return found

    def _writable(self, path: bytes) -> Path:
        """Local path of a file that a partner may write: directly in `depot/`, with a name that can be kept."""
        local = os.fsdecode(self.map_path(path))
        name = Path(local).name
        if Path(local).parent != self._depot:
            raise asyncssh.SFTPPermissionDenied("Écriture refusée : déposez vos fichiers dans le dossier /depot.")
        if (
            name.startswith(".")
            or len(os.fsencode(name)) > NAME_BYTES
            or any(ord(char) < 32 or ord(char) == 127 for char in name)
        ):
            raise asyncssh.SFTPPermissionDenied("Nom de fichier refusé : caché, trop long ou illisible.")
        target = self._inside(path)
        if target.is_dir():
            raise asyncssh.SFTPFailure("Ce nom est celui d'un dossier.")
        return target

    def realpath(self, path: bytes) -> bytes:
        """The path as the partner would write it in full."""
        shown: bytes = self.reverse_map_path(self.map_path(path))
        return shown

    # -- looking

    def stat(self, path: bytes) -> os.stat_result:
        """Attributes of a file; a file that this session is still sending is seen under its own name."""
        local = self._inside(path)
        upload = self._uploads.get(local)
        return (upload.temporary if upload else local).stat(follow_symlinks=False)

    lstat = stat

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """What a folder holds, less hidden files, links and the files that others are still sending."""
        folder = self._inside(path)
        with os.scandir(folder) as entries:
            found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries if entry.name[0] != "."}
        found |= {up.target.name: up.temporary.stat() for up in self._uploads.values() if up.target.parent == folder}
        yield asyncssh.SFTPName(b".", attrs=asyncssh.SFTPAttrs.from_local(folder.stat()))
        yield asyncssh.SFTPName(b"..", attrs=asyncssh.SFTPAttrs.from_local(self._root.stat()))
        for name, attributes in sorted(found.items()):
            if not stat_module.S_ISLNK(attributes.st_mode):
                yield asyncssh.SFTPName(os.fsencode(name), attrs=asyncssh.SFTPAttrs.from_local(attributes))

    def format_user(self, uid: int | None) -> str:
        """Owner shown in listings: the partner, whoever runs the server."""
        return str(self.partner)

    def format_group(self, gid: int | None) -> str:
        """Group shown in listings."""
        return "lakou"

    # -- reading and writing

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Upload | BinaryIO:
        """Open a file to read it, or begin an upload."""
        if not pflags & WRITING:
            local = self._inside(path)
            if not local.is_file():
                raise asyncssh.SFTPNoSuchFile("Fichier introuvable.")
            return local.open("rb", buffering=0)
        target = self._writable(path)
        if target in self._uploads:
            raise asyncssh.SFTPFailure("Ce fichier est déjà en cours d'envoi.")
        if target.exists() and pflags & asyncssh.FXF_EXCL:
            raise asyncssh.SFTPFailure("Un fichier de ce nom est déjà présent.")
        if not target.exists() and not pflags & asyncssh.FXF_CREAT:
            raise asyncssh.SFTPNoSuchFile("Fichier introuvable.")
        keeps = target.exists() and not pflags & asyncssh.FXF_TRUNC
        self._quota.take(self._depot, 1, target.stat().st_size if keeps else 0)
        temporary = self._depot / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        if keeps:
            with target.open("rb") as kept:
                shutil.copyfileobj(kept, file)
        upload = Upload(target, temporary, file, append=bool(pflags & asyncssh.FXF_APPEND))
        upload.size = os.fstat(descriptor).st_size
        self._uploads[target] = upload
        return upload

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Read from an open file."""
        found: bytes = super().read(file_obj.file if isinstance(file_obj, Upload) else file_obj, offset, size)
        return found

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write to an upload; past the size limit or without space the whole upload fails."""
        if not isinstance(file_obj, Upload):
            raise asyncssh.SFTPPermissionDenied("Ce fichier est ouvert en lecture.")
        if file_obj.failed:
            raise file_obj.failed
        if file_obj.append:
            offset = file_obj.file.seek(0, os.SEEK_END)
        try:
            self._grow(file_obj, offset + len(data))
            file_obj.file.seek(offset)
            return file_obj.file.write(data)
        except OSError as error:
            log.warning("%s: writing failed: %s", self.partner, error.strerror)
            file_obj.failed = asyncssh.SFTPFailure("L'écriture a échoué sur la plateforme : réessayez plus tard.")
            raise file_obj.failed from error
        except asyncssh.SFTPError as error:
            file_obj.failed = error
            raise

    def _grow(self, upload: Upload, size: int) -> None:
        """See that an upload may become that large."""
        if size > self._limits.file_bytes:
            limit = _megabytes(self._limits.file_bytes)
            raise asyncssh.SFTPFailure(f"Fichier trop volumineux : {limit} au plus. Partagez-le en périodes.")
        if size > upload.size:
            self._quota.take(self._depot, 0, size - upload.size)
            upload.size = size

    def close(self, file_obj: object) -> None:
        """Close a file; an upload that its client closed takes its name, any other is thrown away."""
        if not isinstance(file_obj, Upload):
            super().close(file_obj)
            return
        self._uploads.pop(file_obj.target, None)
        try:
            # asyncssh also closes what a lost client left open: only a client still there has ended its file
            gone = self.channel.is_closing() or self._session.at_eof(None)
            if gone or file_obj.failed:
                self._quota.count_again(self._depot)
                reason = file_obj.failed.reason if file_obj.failed else "the client left before closing it"
                log.warning("%s: upload of %r dropped: %s", self.partner, file_obj.target.name, reason)
                if file_obj.failed and not gone:
                    raise file_obj.failed
                return
            size = os.fstat(file_obj.file.fileno()).st_size
            os.fsync(file_obj.file.fileno())
            # the age of a file counts from the end of its upload
            os.utime(file_obj.file.fileno())
            file_obj.temporary.replace(file_obj.target)
            _sync_folder(self._depot)
            seconds = time.monotonic() - file_obj.started
            log.info("%s: received %r, %d bytes in %.1f s", self.partner, file_obj.target.name, size, seconds)
        finally:
            file_obj.file.close()
            file_obj.temporary.unlink(missing_ok=True)

    def fstat(self, file_obj: object) -> os.stat_result:
        """Attributes of an open file."""
        file = file_obj.file if isinstance(file_obj, Upload) else file_obj
        return os.fstat(file.fileno())  # type: ignore[attr-defined]

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Accept and ignore: clients set dates and modes after an upload, and show an error when refused."""
        self._inside(path)

    lsetstat = setstat

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Accept and ignore dates and modes; cut an upload to the size asked (a client that resumes does)."""
        if isinstance(file_obj, Upload) and attrs.size is not None:
            self._grow(file_obj, attrs.size)
            file_obj.file.truncate(attrs.size)

    def fsync(self, file_obj: object) -> None:
        """Write an upload to the disk."""
        if isinstance(file_obj, Upload):
            os.fsync(file_obj.file.fileno())

    # -- changing names

    def remove(self, path: bytes) -> None:
        """Withdraw a file from `depot/`."""
        target = self._writable(path)
        target.unlink()
        self._quota.count_again(self._depot)
        log.info("%s: removed %r", self.partner, target.name)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename within `depot/`, never over another file."""
        if self._writable(newpath).exists():
            raise asyncssh.SFTPFailure("Un fichier de ce nom est déjà présent.")
        self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename within `depot/`, over another file if there is one."""
        source, target = self._writable(oldpath), self._writable(newpath)
        source.replace(target)
        # some programs send under another name and rename at the end: the age counts from here
        os.utime(target)
        log.info("%s: renamed %r to %r", self.partner, source.name, target.name)

    def _refuse(self, *_: object) -> None:
        raise asyncssh.SFTPPermissionDenied("Opération refusée dans ce dépôt.")

    mkdir = rmdir = symlink = link = readlink = statvfs = fstatvfs = lock = unlock = _refuse


class Door(asyncssh.SSHServer):
    """One connection: who may enter, by the keys that lie in `authorized_keys/<CODE>` at that moment."""

    def __init__(self, home: Path, limits: Limits, quota: Quota, open_connections: Counter[str]) -> None:
        self._home = home
        self._limits = limits
        self._quota = quota
        self._open = open_connections
        self._partner = ""
        # who asked to come in, and from where; empty while nobody has (a probe of the port)
        self._asked = ""
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Count the connection in; too many are sent away."""
        self._connection = conn
        self._open[""] += 1
        if self._open[""] > self._limits.connections:
            log.warning("too many connections: %s sent away", conn.get_extra_info("peername"))
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._open[""] -= 1
        if self._partner:
            self._open[self._partner] -= 1
        elif self._asked:
            log.warning("%s left without a key that is known", self._asked)

    def begin_auth(self, username: str) -> bool:
        """Load the keys of the account named, if there is one; a key is always needed."""
        if self._connection:
            self._asked = f"{username[:32]!r} from {self._connection.get_extra_info('peername')}"
        if self._connection and PARTNER.fullmatch(username):
            keys = self._home / "sftp" / "authorized_keys" / username
            try:
                self._connection.set_authorized_keys(asyncssh.import_authorized_keys(keys.read_text(encoding="utf-8")))
            except FileNotFoundError:
                log.warning("no account %r", username)
            except (OSError, ValueError) as error:
                log.warning("the keys of %s cannot be read: %s", username, error)
        return True

    def auth_completed(self) -> None:
        """The key was right: count the partner in."""
        if not self._connection:
            return
        self._partner = self._connection.get_extra_info("username")
        self._open[self._partner] += 1
        if self._open[self._partner] > self._limits.connections_by_partner:
            log.warning("%s: too many connections", self._partner)
            self._connection.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, "Trop de connexions ouvertes.")

    def public_key_auth_supported(self) -> bool:
        """Keys only."""
        return True

    def password_auth_supported(self) -> bool:
        """No password."""
        return False

    def kbdint_auth_supported(self) -> bool:
        """No question asked."""
        return False

    def session_requested(self) -> Session:
        """SFTP and nothing else."""
        return Session(self._home / "drop", self._limits, self._quota)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(drop: Path) -> int:
    """Delete what uploads cut by a stop of the server left behind; returns how many."""
    left = list(drop.glob(f"*/depot/{TEMPORARY_PREFIX}*"))
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


async def listen(
    home: Path, port: int, host_key: Path, limits: Limits | None = None, address: str = "127.0.0.1"
) -> asyncssh.SSHAcceptor:
    """Open the drop of one platform.

    Args:
        home: state of the platform (`sftp/authorized_keys/`, `drop/`).
        port: TCP port, 0 for any.
        host_key: private key of the server, in OpenSSH's form.
        limits: what to accept.
        address: on which to listen.
    """
    chosen = limits or Limits()
    if dropped := sweep(home / "drop"):
        log.warning("%d unfinished uploads deleted", dropped)
    quota, counts = Quota(chosen), Counter[str]()
    return await asyncssh.listen(
        address,
        port,
        server_factory=lambda: Door(home, chosen, quota, counts),
        server_host_keys=[asyncssh.read_private_key(host_key)],
        server_version="Lakou",
        encoding=None,
        allow_pty=False,
        agent_forwarding=False,
        x11_forwarding=False,
        gss_host=None,
        login_timeout=30,
        keepalive_interval=60,
        keepalive_count_max=3,
    )


async def _serve(home: Path, port: int, host_key: Path, address: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await listen(home, port, host_key, address=address)
    log.info("the drop %s listens on %s:%d", home / "drop", address, port)
    await stop.wait()
    server.close()
    await server.wait_closed()


def main() -> int:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    home = Path(os.environ["LAKOU_HOME"])
    secret_files = Path(os.environ.get("LAKOU_SECRETS_DIR", home / "secrets"))
    # in a container of its own it listens on every address: which of them are published is the container's affair
    address = os.environ.get("LAKOU_SFTP_LISTEN", "127.0.0.1")
    asyncio.run(_serve(home, int(os.environ["LAKOU_SFTP_PORT"]), secret_files / "sftp_host_key", address))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
