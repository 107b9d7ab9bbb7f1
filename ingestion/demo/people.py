"""Made-up people of the demonstration: who they are, how they can be known, where they live."""

from __future__ import annotations

import csv
import random
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from ingestion.settings import CHECKOUT

T = TypeVar("T")

# invented, so that a search of the database for any of them can only find a leak
BIRTH_NAMES = (
    "Zambrelot", "Vuldamèze", "Krézimond", "Quorvisson", "Byzardel", "Frolimard", "Guznavette", "Hyrcambel",
    "Jolvardin", "Lépruzac", "Mavroquin", "Nyzarède", "Oxfarnel", "Pildaquin", "Ruvazelle", "Syldruvin",
    "Trézanbwa", "Ugvarand", "Vyzelmont", "Wistarbel", "Xéphandre", "Yoldacroix", "Zurbigny", "Brégaluz",
    "Crazévult", "Dwazemar", "Ezpurgel", "Fyrnavaud", "Galzuvrin", "Hodrumèze", "Izgarnot", "Juzbreval",
    "Kwaldrune", "Luxardeme", "Mizgravel", "Nuldevraz", "Orzembac", "Prizumelle", "Quildrave", "Rozbarnec",
    "Syvraldec", "Tulzamèdre", "Urbaquèze", "Vezgulind", "Wazdremont", "Yvrezane", "Zolphèdre", "N'Dwizabel",
    "Bwa-Zélamar", "Chuvrazin", "Drazolimet", "Épruzalde", "Flizmarond", "Grozvalin", "Huzdrameau", "Jyrmazaud",
    "Klovuzel", "Lyzbravec", "Mozdurane", "Nézgravon",
)  # fmt: skip
WOMEN = (
    "Zélidrine", "Kwénaëlle", "Maryzette", "Ophyrine", "Yzoline", "Féluzine", "Brizéliane", "Tazmérine", "Louvzéa-Mae",
    "Nadjuline", "Guzélie", "Sydrelle", "Javélyne", "Éluzandre", "Vyolaine-Zoa", "Quizélyne", "Wyndolène", "Rozémyra",
    "Cyldrine", "Habzaline", "Dézyrelle", "Pruzine",
)  # fmt: skip
MEN = (
    "Zéphiriac", "Kwélandre", "Maxuvin", "Ozdéric", "Yvlandric", "Fulzéran", "Bazdorin", "Théodrizh", "Luzarion",
    "Nazévric", "Guldéran", "Sylbrandic", "Jazmérod", "Élyzorin", "Valdruzio", "Quoryzan", "Wazélin", "Ruzévald",
    "Cyldorec", "Huvramiel", "Dorzélian", "Pyrzanic",
)  # fmt: skip
DOMAINS = ("example.org", "example.com", "courriel.test", "asso-demo.test")
STATUSES = (
    ("SALARIE", 30), ("INDEPENDANT", 12), ("DIRIGEANT", 9), ("DEMANDEUR_EMPLOI", 20), ("ETUDIANT", 10),
    ("AGENT_PUBLIC", 9), ("RETRAITE", 4), ("INACTIF", 3), ("NR", 3),
)  # fmt: skip
LEVELS = (
    ("0", 5), ("1", 3), ("2", 4), ("3", 16), ("4", 24), ("5", 18), ("6", 14), ("7", 10), ("8", 2), ("NR", 4),
)  # fmt: skip
# known elsewhere in France: outside the perimeter, a true commune all the same
ELSEWHERE = ("97105", "97302", "75056", "13055")
ABROAD = "99999"


@dataclass(frozen=True, slots=True)
class Person:
    """One person, as nobody but the demonstration knows them.

    Args:
        number: identity in the truth.
        knows: how files name the person: `both`, `mail`, `name`, `both/mail`, `both/name` or `two mails`.
        emails: one address, or two.
        later_status: the status that later files give, after `changes_month` (empty: none).
        commune: INSEE code, `99999`, or empty when nobody asked.
    """

    number: int
    birth_name: str
    first_name: str
    birth_year: int
    emails: tuple[str, ...]
    knows: str
    sex: str
    status: str
    later_status: str
    changes_month: int
    level: str
    commune: str
    activity: float


@lru_cache(maxsize=1)
def communes() -> dict[str, tuple[str, str, int]]:
    """Code of each commune of the perimeter to its name, its EPCI and its population."""
    path = CHECKOUT / "dbt_project" / "seeds" / "reference" / "territories.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["territory_code"]: (row["label"], row["epci_code"], int(row["population"]))
            for row in csv.DictReader(file)
            if row["territory_level"] == "commune"
        }


def plain(text: str) -> str:
    """Lower case, without accents, letters only."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in decomposed if letter.isalpha() and letter.isascii())


def make_people(count: int, rng: random.Random) -> list[Person]:
    """`count` people: relatives who share an address, homonyms of another year, people of two addresses, hard cases included."""
    places = communes()
    codes, weights = list(places), [population for _, _, population in places.values()]
    names = [(birth, first, sex) for birth in BIRTH_NAMES for first, sex in _first_names()]
    rng.shuffle(names)
    people: list[Person] = []
    for number in range(count):
        birth, first, sex = names[number] if number < len(names) else _compound_name(number - len(names))
        knows = _draw(
            rng,
            (("both", 56), ("mail", 12), ("name", 13), ("both/mail", 8), ("both/name", 6), ("two mails", 5)),
        )
        year = _birth_year(rng)
        status = _draw(rng, STATUSES)
        changes = status == "DEMANDEUR_EMPLOI" and rng.random() < 0.45
        emails: tuple[str, ...] = (f"{plain(first)}.{plain(birth)}{number}@{DOMAINS[number % len(DOMAINS)]}",)
        if knows == "two mails":
            emails += (f"{plain(birth)}-{number}@travail.example.com",)
        roll = rng.random()
        commune = rng.choices(codes, weights)[0]
        if roll < 0.06:
            commune = ""
        elif roll < 0.08:
            commune = ABROAD
        elif roll < 0.095:
            commune = rng.choice(ELSEWHERE)
        people.append(
            Person(
                number, birth, first, year, emails, knows, sex if rng.random() < 0.985 else "X", status,
                "SALARIE" if changes else "", rng.randrange(6, 20), _draw(rng, LEVELS), commune,
                rng.random() ** 1.6 + 0.08,
            )
        )  # fmt: skip
    return _hard_cases(_relatives(_homonyms(people)))


def _homonyms(people: list[Person]) -> list[Person]:
    """Six people take the name of another, and stay others by their year."""
    changed = list(people)
    for at in range(6):
        model, other = people[40 + at], people[60 + at]
        changed[60 + at] = replace(
            other,
            birth_name=model.birth_name,
            first_name=model.first_name,
            birth_year=model.birth_year - 7,
            sex=model.sex,
        )
    return changed


def _relatives(people: list[Person]) -> list[Person]:
    """Four pairs share one address and a family name; the first name and the year tell them apart."""
    changed = list(people)
    for at in range(4):
        parent, child = people[80 + at], people[90 + at]
        changed[80 + at] = replace(parent, knows="both", emails=parent.emails[:1], activity=0.9)
        changed[90 + at] = replace(
            child,
            knows="both",
            emails=parent.emails[:1],
            birth_name=parent.birth_name,
            activity=0.9,
            birth_year=2003 + at,
        )
    return changed


def _hard_cases(people: list[Person]) -> list[Person]:
    """People whom the rules cannot tell: nothing is drawn for them, so that all others stay who they are.

    Five share an address, a first name and a year: more keys than one person has. Two birth names of one address, first
    name and year are one person to the rules. Two homonyms of one year live in two communes.
    """
    changed = list(people)
    able: dict[str, Person] = {}
    for person in people[120:900]:
        if (
            "/" not in person.knows
            and person.activity > 0.5
            and person.commune in communes()
            and not person.later_status
        ):
            able.setdefault(person.birth_name, person)
    busiest = sorted(able.values(), key=lambda person: -person.activity)
    if len(busiest) < 12:
        return changed
    for model, *others in (busiest[:5], busiest[5:7]):
        for person in (model, *others):
            changed[person.number] = replace(
                person, knows="both", emails=model.emails[:1], first_name=model.first_name, birth_year=model.birth_year
            )
    model = busiest[7]
    other = next(person for person in busiest[8:] if person.commune != model.commune)
    changed[model.number] = replace(model, knows="both", emails=model.emails[:1])
    changed[other.number] = replace(
        other,
        knows="both",
        emails=other.emails[:1],
        birth_name=model.birth_name,
        first_name=model.first_name,
        birth_year=model.birth_year,
    )
    return changed


def _first_names() -> list[tuple[str, str]]:
    return [(first, "F") for first in WOMEN] + [(first, "M") for first in MEN]


def _compound_name(number: int) -> tuple[str, str, str]:
    """Two birth names and a first name, for the people that the single names are too few for."""
    rest, at = divmod(number, len(WOMEN) + len(MEN))
    one, other = divmod(rest, len(BIRTH_NAMES) - 1)
    first, sex = _first_names()[at]
    return f"{BIRTH_NAMES[one]}-{BIRTH_NAMES[(one + other + 1) % len(BIRTH_NAMES)]}", first, sex


def _birth_year(rng: random.Random) -> int:
    low, high = _draw(
        rng, (((1941, 1958), 8), ((1959, 1966), 12), ((1967, 1980), 32), ((1981, 1995), 32), ((1996, 2008), 16))
    )
    return rng.randint(low, high)


def _draw(rng: random.Random, weighted: tuple[tuple[T, int], ...]) -> T:
    return rng.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]
