"""XForms: the XML that ODK Central, KoboToolbox and their telephones call a form, read to tables, fields and choices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from ingestion.connectors.interface import Choice, Field, FieldType, Table
from ingestion.errors import SourceError

_TYPES: Mapping[str, FieldType] = {
    **dict.fromkeys(("int", "integer", "long"), "integer"),
    **dict.fromkeys(("decimal", "double", "float"), "number"),
    "boolean": "boolean",
    "date": "date",
    "dateTime": "datetime",
    "binary": "file",
}
_CONTROLS: Mapping[str, FieldType] = {"select1": "choice", "select": "choices", "rank": "choices", "upload": "file"}
_ITEXT = re.compile(r"jr:itext\(\s*'([^']+)'\s*\)")
_INSTANCE = re.compile(r"instance\(\s*'([^']+)'\s*\)")
_LANGUAGE = re.compile(r"\(([a-z]{2,3})(?:[-_][A-Za-z]+)?\)\s*$")
_TEMPLATE = "{http://openrosa.org/javarosa}template"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """A form as its XML defines it.

    Args:
        form_id, version, title: as people and servers name it.
        tables: the form's own, named `""`, then one a repeat, named by its path (`participants`, `a.b` where nested).
            Fields are named by their path within their table, groups included (`meta/instanceID`).
    """

    form_id: str
    version: str
    title: str
    tables: tuple[Table, ...]


class _NoDoctype(Xml.TreeBuilder):
    """Refuses a document type before any entity that it declares can be expanded."""

    def doctype(self, name: str, _pubid: str | None, _system: str | None) -> None:
        raise SourceError(f"the form's XML declares a document type ({name})", "ask the server's owner what it sends")


def parse(xml: bytes | str) -> Form:
    """Read a form.

    Args:
        xml: the whole document; bytes where its own declaration says the charset.

    Raises:
        SourceError: it is no XML, declares a document type, is no XForm, or is encrypted (its answers cannot be read).
    """
    parser = Xml.XMLParser(target=_NoDoctype())  # noqa: S314 - no document type, hence no entity
    try:
        parser.feed(xml)
        root = parser.close()
    except Xml.ParseError as error:
        raise SourceError(
            f"the form is not readable XML ({error})", "see whether the form opens on its server"
        ) from error
    model = root.find("{*}head/{*}model")
    primary = None if model is None else next(iter(model.find("{*}instance") or ()), None)
    if model is None or primary is None:
        raise SourceError("the server's answer is XML but no XForm", "check the identifier of the form")
    submission = model.find("{*}submission")
    if submission is not None and submission.get("base64RsaPublicKey"):
        raise SourceError(
            "the form is encrypted: the server does not know its answers", "publish a form without encryption"
        )
    reading = _Reading(root, model)
    return Form(
        form_id=primary.get("id", ""),
        version=primary.get("version", ""),
        title=_text(root.find("{*}head/{*}title")),
        tables=tuple(reading.tables(primary)),
    )


class _Reading:
    """What the parts of one document say of its paths."""

    def __init__(self, root: Xml.Element, model: Xml.Element) -> None:
        self._texts = _translations(model)
        self._instances = {found.get("id", ""): found for found in model.findall("{*}instance")}
        self._types = {bind.get("nodeset", ""): bind.get("type", "string") for bind in model.findall("{*}bind")}
        body = root.find("{*}body")
        parts = [] if body is None else list(body.iter())
        self._controls = {part.get("ref", ""): part for part in parts if part.get("ref") and _tag(part) != "group"}
        self._repeats = {part.get("nodeset", "") for part in parts if _tag(part) == "repeat"}

    def tables(self, primary: Xml.Element) -> Iterator[Table]:
        """The form's own table, then its repeats in the order of the form."""
        pending = [("", f"/{_tag(primary)}", primary)]
        while pending:
            name, path, element = pending.pop(0)
            fields: dict[str, Field] = {}
            for relative, leaf in self._leaves(element, path, ""):
                if f"{path}/{relative}" in self._repeats:
                    inner = ".".join(filter(None, (name, relative.replace("/", "."))))
                    if inner not in {known for known, _, _ in pending}:
                        pending.append((inner, f"{path}/{relative}", leaf))
                else:
                    fields.setdefault(relative, self._field(relative, f"{path}/{relative}"))
            yield Table(name, tuple(fields.values()))

    def _leaves(self, element: Xml.Element, path: str, prefix: str) -> Iterator[tuple[str, Xml.Element]]:
        """Questions and repeats below an element, by their path from it."""
        for child in element:
            relative = f"{prefix}{_tag(child)}"
            if len(child) and f"{path}/{relative}" not in self._repeats:
                yield from self._leaves(child, path, f"{relative}/")
            else:
                yield relative, child

    def _field(self, name: str, path: str) -> Field:
        control = self._controls.get(path)
        type_: FieldType = _TYPES.get(self._types.get(path, ""), "text")
        if control is None:
            return Field(name, {}, type_)
        return Field(
            name,
            self._labels(control.find("{*}label")),
            _CONTROLS.get(_tag(control), type_),
            tuple(self._choices(control)),
        )

    def _choices(self, control: Xml.Element) -> Iterator[Choice]:
        """Answers written in the question, or in the list that it names; none where a file holds them."""
        for item in control.findall("{*}item"):
            yield Choice(_text(item.find("{*}value")), self._labels(item.find("{*}label")))
        itemset = control.find("{*}itemset")
        named = None if itemset is None else _INSTANCE.search(itemset.get("nodeset", ""))
        instance = None if named is None else self._instances.get(named.group(1))
        if itemset is None or instance is None:
            return
        value, label = itemset.find("{*}value"), itemset.find("{*}label")
        value_ref = "name" if value is None else value.get("ref", "name")
        label_ref = "label" if label is None else label.get("ref", "label")
        translated = re.fullmatch(r"jr:itext\((\w+)\)", label_ref)
        for item in instance.iterfind("{*}root/{*}item"):
            code = _text(item.find(f"{{*}}{value_ref}"))
            text = _text(item.find(f"{{*}}{translated.group(1) if translated else label_ref}"))
            yield Choice(code, self._texts.get(text, {}) if translated else {"": text})

    def _labels(self, label: Xml.Element | None) -> Labels:
        if label is None:
            return {}
        named = _ITEXT.search(label.get("ref", ""))
        if named:
            return self._texts.get(named.group(1), {})
        text = _text(label)
        return {"": text} if text else {}


def _translations(model: Xml.Element) -> dict[str, dict[str, str]]:
    """Texts by identifier, then by language; pictures and sounds left out."""
    texts: dict[str, dict[str, str]] = {}
    for translation in model.findall("{*}itext/{*}translation"):
        language = _language(translation.get("lang", ""))
        for text in translation.findall("{*}text"):
            for value in text.findall("{*}value"):
                if value.get("form") is None:
                    texts.setdefault(text.get("id", ""), {})[language] = _text(value)
    return texts


def _language(name: str) -> str:
    """`Français (fr)` → `fr`; a form without translations calls its only language `default`."""
    named = _LANGUAGE.search(name)
    if named:
        return named.group(1)
    return "" if name == "default" else name


def _tag(element: Xml.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: Xml.Element | None) -> str:
    """Text of an element, what lies inside it included, white space folded."""
    return "" if element is None else " ".join("".join(element.itertext()).split())
