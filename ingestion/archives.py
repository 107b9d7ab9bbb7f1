"""The archive that an XLSX or an ODS is, inflated with bounds: what would not fit in memory is refused first."""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ingestion.errors import BlockedFile
from ingestion.records import unreadable

MAX_ENTRIES = 2_000
MAX_BYTES = 512 << 20
MAX_SHARED_BYTES = 128 << 20
MAX_RATIO = 150
# below this an archive cannot hurt, whatever its ratio
HARMLESS_BYTES = 16 << 20
# sheets that are kept once inflated
KEPT_BYTES = 96 << 20
CHUNK = 1 << 20
RESAVE = "Ouvrez-le dans votre tableur, enregistrez-le de nouveau et déposez-le."
_ENTITIES = (b"<!ENTITY", b"<!DOCTYPE")
_ENCRYPTION = "META-INF/manifest.xml"


@dataclass(frozen=True, slots=True)
class XmlSheet:
    """A sheet of an XLSX: the file of its XML, and whether a person sees it."""

    file: str
    is_visible: bool


class Archive:
    """An archive whose every file has been inflated once, and counted: a directory may lie.

    Args:
        data: its bytes.

    Attributes:
        sheets: the sheets of an XLSX by their names, in order.

    Raises:
        BlockedFile: FICHIER-ILLISIBLE.
    """

    def __init__(self, data: bytes) -> None:
        with _understood():
            self._archive = zipfile.ZipFile(io.BytesIO(data))
            self._kept: dict[str, list[bytes]] = {}
            self._check(min(MAX_BYTES, max(HARMLESS_BYTES, len(data) * MAX_RATIO)))
            self.sheets = self._sheets()

    def names(self) -> frozenset[str]:
        """Names of the files."""
        return frozenset(self._archive.namelist())

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file."""
        if name in self._kept:
            yield from self._kept[name]
            return
        with _understood(), self._archive.open(name) as member:
            while chunk := member.read(CHUNK):
                yield chunk

    def read(self, name: str) -> bytes:
        """The bytes of a small file, empty where it is not there."""
        return b"".join(self.chunks(name)) if name in self.names() else b""

    def forget(self, name: str) -> None:
        """The file is not needed any more."""
        self._kept.pop(name, None)

    def _check(self, allowed: int) -> None:
        entries = self._archive.infolist()
        if any(entry.flag_bits & 1 for entry in entries):
            raise protected()
        if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > allowed:
            raise oversized()
        counted = kept = 0
        for entry in entries:
            chunks: list[bytes] = []
            most = MAX_SHARED_BYTES if entry.filename.endswith("sharedStrings.xml") else MAX_BYTES
            size = 0
            with self._archive.open(entry) as member:
                while chunk := member.read(CHUNK):
                    if not size and any(word in chunk for word in _ENTITIES):
                        raise unreadable("Le classeur contient des définitions XML qu'aucun tableur n'écrit.", RESAVE)
                    size += len(chunk)
                    counted += len(chunk)
                    if counted > allowed or size > most:
                        raise oversized()
                    if kept + size <= KEPT_BYTES:
                        chunks.append(chunk)
            if kept + size <= KEPT_BYTES and entry.filename.endswith(".xml"):
                self._kept[entry.filename] = chunks
                kept += size
        if b"encryption-data" in self.read(_ENCRYPTION):
            raise protected()

    def _sheets(self) -> Mapping[str, XmlSheet]:
        """The sheets of an XLSX by their names, in order."""
        targets = {}
        for found in _tags("Relationship", self.read("xl/_rels/workbook.xml.rels")):
            target = found.get("Target", "")
            targets[found.get("Id", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        sheets = {}
        for found in _tags("sheet", self.read("xl/workbook.xml")):
            identifier = next((value for name, value in found.items() if name.endswith(":id")), "")
            file = targets.get(identifier, "")
            if file in self.names() and not re.search("chart|dialog", file):
                is_visible = found.get("state", "visible") == "visible"
                sheets[found.get("name", "")] = XmlSheet(file, is_visible=is_visible)
        return sheets


def _tags(name: str, xml: bytes) -> Iterator[dict[str, str]]:
    """Attributes of the tags of that name, whatever their prefix."""
    for found in re.finditer(rf"<(?:\w+:)?{name}\b([^>]*)>", xml.decode(errors="replace")):
        pairs = re.findall(r"([\w:]+)\s*=\s*(['\"])(.*?)\2", found[1])
        yield {key: html.unescape(value) for key, _, value in pairs}


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise damaged() from error


def protected() -> BlockedFile:
    """A workbook with a password, to raise."""
    return unreadable(
        "Le classeur est protégé par un mot de passe.",
        "Enregistrez-le sans mot de passe (Fichier, Informations, Protéger le classeur) et déposez-le.",
    )


def oversized() -> BlockedFile:
    """A workbook that would take too much memory, to raise."""
    return unreadable(
        "Le classeur, une fois décompressé, est démesuré.", "Enregistrez-le de nouveau, ou envoyez un fichier CSV."
    )


def damaged() -> BlockedFile:
    """A file that is no workbook, to raise."""
    return unreadable("Le fichier n'est pas un classeur lisible : il est abîmé ou incomplet.", RESAVE)
