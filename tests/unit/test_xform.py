"""The form that ODK Central really sent, and the ways of writing a form that it does not use."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from ingestion.connectors import xform
from ingestion.connectors.interface import Field, Table
from ingestion.errors import SourceError

RECORDED = Path(xform.__file__).parents[1] / "demo" / "replay" / "recorded" / "odk-central"


def the_recorded_form() -> xform.Form:
    return xform.parse((RECORDED / "38-form-xml.body").read_bytes())


def field(table: Table, name: str) -> Field:
    return next(found for found in table.fields if found.name == name)


def form(
    model: str, body: str, *, primary: str = '<data id="f" version="7"><q/></data>', lists: str = ""
) -> xform.Form:
    return xform.parse(
        textwrap.dedent(f"""\
        <?xml version="1.0"?>
        <h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
                xmlns:jr="http://openrosa.org/javarosa">
          <h:head><h:title>Essai</h:title><model>{model}<instance>{primary}</instance>{lists}
            <bind nodeset="/data/q" type="string"/></model></h:head>
          <h:body>{body}</h:body>
        </h:html>""")
    )


def test_the_recorded_form_has_its_table_and_that_of_its_repeat():
    read = the_recorded_form()
    assert (read.form_id, read.version, read.title) == (
        "seance_ia",
        "2026-01",
        "Émargement & satisfaction – séance IA",
    )
    own, participants = read.tables
    assert [found.name for found in own.fields] == [
        "debut", "fin", "date_session", "siret", "commune", "genre", "age", "themes", "note", "gain", "commentaire",
        "emargement", "meta/instanceID",
    ]  # fmt: skip
    assert participants.name == "participants"
    assert [found.name for found in participants.fields] == ["nom", "certifie"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("debut", "datetime"),
        ("date_session", "date"),
        ("siret", "text"),
        ("commune", "choice"),
        ("themes", "choices"),
        ("note", "integer"),
        ("gain", "number"),
        ("emargement", "file"),
    ],
)
def test_each_question_has_the_type_of_its_answers(name: str, kind: str):
    assert field(the_recorded_form().tables[0], name).type == kind


def test_labels_and_choices_are_in_every_language_of_the_form():
    own = the_recorded_form().tables[0]
    genre = field(own, "genre")
    assert genre.labels == {"fr": "Genre", "en": "Gender"}
    assert [choice.code for choice in genre.choices] == ["f", "h", "nb", "nr"]
    assert genre.choices[3].labels == {"fr": "Ne souhaite pas répondre", "en": "Prefer not to say"}
    assert (
        next(choice.labels["fr"] for choice in field(own, "commune").choices if choice.code == "97229") == "Schœlcher"
    )


def test_labels_may_be_written_without_translations_and_choices_in_the_question():
    read = form(
        "",
        """<select1 ref="/data/q"><label>  Venu
           en <output value="/data/x"/> bus ?</label>
           <item><label>Oui</label><value>o</value></item><item><label>Non</label><value>n</value></item></select1>""",
    )
    asked = field(read.tables[0], "q")
    assert (asked.type, asked.labels) == ("choice", {"": "Venu en bus ?"})
    assert [(choice.code, choice.labels) for choice in asked.choices] == [("o", {"": "Oui"}), ("n", {"": "Non"})]


def test_a_picture_is_no_label_and_a_list_in_a_file_has_no_choices():
    read = form(
        """<itext><translation lang="default"><text id="/data/q:label"><value>Ville</value>
           <value form="image">jr://images/ville.png</value></text></translation></itext>""",
        """<select1 ref="/data/q"><label ref="jr:itext('/data/q:label')"/>
           <itemset nodeset="instance('villes')/root/item"><value ref="name"/><label ref="label"/></itemset></select1>""",
        lists='<instance id="villes" src="jr://file-csv/villes.csv"/>',
    )
    assert field(read.tables[0], "q") == Field("q", {"": "Ville"}, "choice", ())


def test_groups_are_paths_and_repeats_nest():
    read = form(
        "",
        """<group ref="/data/g"><group ref="/data/g/a"><label>A</label><repeat nodeset="/data/g/a">
             <group ref="/data/g/a/b"><repeat nodeset="/data/g/a/b"><input ref="/data/g/a/b/n"/></repeat></group>
           </repeat></group></group>""",
        primary="""<data id="f"><g><x/><a jr:template=""><p/><b><n/></b></a><a><p/><b><n/></b></a></g></data>""",
    )
    assert [(table.name, [found.name for found in table.fields]) for table in read.tables] == [
        ("", ["g/x"]),
        ("g.a", ["p"]),
        ("g.a.b", ["n"]),
    ]


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        (b"<html><body>Connexion</body></html>", "no XForm"),
        (b"<html><body>", "not readable XML"),
        (b'<!DOCTYPE d [<!ENTITY a "b">]><d>&a;</d>', "document type"),
        (
            '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE d [<!ENTITY a "b">]><d>&a;</d>'.encode("utf-16"),
            "document type",
        ),
    ],
)
def test_what_is_no_form_is_refused(xml: bytes, told: str):
    with pytest.raises(SourceError, match=told):
        xform.parse(xml)


def test_an_encrypted_form_is_refused_since_its_answers_would_all_be_empty():
    with pytest.raises(SourceError, match="encrypted"):
        form('<submission base64RsaPublicKey="MIIB"/>', "")
