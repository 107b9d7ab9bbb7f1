"""How each partner of the demonstration writes, what it does for one feed, and what happened to it once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ingestion.demo.files import Style

LABELLED_TITLES = ("Export du mois", "")
STYLES = {
    "FORMACARIB": Style(extension="xlsx"),
    "MADININUM": Style(encoding="cp1252", french=True),
    "KABIA": Style(encoding="utf-8-sig"),
    "LAB-SUD": Style(
        delimiter=",", line_end="\n", leaves_out=frozenset({"module_id", "partenaires_co", "date_proposition", "role"})
    ),
    "CLUSTER972": Style(encoding="cp1252", french=True, labels=True),
    "EPCI-CENTRE": Style(extension="xlsx", labels=True),
    "EPCI-SUD": Style(extension="ods", labels=True),
    "CAP-CONSEIL": Style(encoding="iso8859-15", french=True, spoken=True),
    "FEDERATION972": Style(encoding="utf-16", delimiter="\t"),
    "INSTITUT-SONDE": Style(delimiter=",", line_end="\n", quotes=True),
    "FINANCE-MQ": Style(encoding="cp1252", french=True, spoken=True, totals=True),
    "COMITE-MQ": Style(encoding="utf-8-sig", labels=True, reorders=True),
}
HABITS: dict[tuple[str, str], dict[str, Any]] = {
    ("CLUSTER972", "F05"): {"says_separator": True},
    ("CLUSTER972", "F14"): {"titles": ("Structures du territoire", ""), "absent": "NC"},
    ("CLUSTER972", "F15"): {"spoken": True},
    ("LAB-SUD", "F05"): {"delimiter": ";", "line_end": "\r\n", "leaves_out": frozenset(), "absent": "-"},
    ("LAB-SUD", "F06"): {"leaves_out": frozenset()},
    ("LAB-SUD", "F10"): {"leaves_out": frozenset({"programme_code"}), "spoken": True},
    ("KABIA", "F05"): {"encoding": "utf-16", "delimiter": "\t"},
}
OCCASIONS: dict[tuple[str, str, str], dict[str, Any]] = {
    ("KABIA", "F02", "2024-05"): {"says_separator": True},
    ("KABIA", "F02", "2024-09"): {"line_end": "\r"},
    ("KABIA", "F01", "2025-02"): {"encoding": "utf-16", "delimiter": "\t"},
    ("MADININUM", "F02", "2024-06"): {"repeats": 10},
    ("MADININUM", "F01", "2024-08"): {"titles": ("Sessions ouvertes en août 2024", "")},
    ("MADININUM", "F02", "2025-02"): {"totals": True},
    ("MADININUM", "F02", "2025-08"): {"absent": "NC"},
    ("LAB-SUD", "F02", "2025-02"): {"blanks": 2},
    ("LAB-SUD", "F02", "2025-06"): {"reorders": True},
    ("LAB-SUD", "F01", "2026-02"): {"encoding": "iso8859-15", "delimiter": ";", "line_end": "\r\n"},
    ("FORMACARIB", "F02", "2025-02"): {"hides": True},
    ("FORMACARIB", "F01", "2025-08"): {"titles": ("Formacarib, sessions d'août", "", ""), "notice": True},
    ("FORMACARIB", "F02", "2025-11"): {"formulas": True, "totals": True},
    ("FORMACARIB", "F01", "2026-03"): {"extension": "ods"},
    ("FORMACARIB", "F02", "2026-04"): {"merges": True},
    ("EPCI-CENTRE", "F02", "2025-01"): {"titles": LABELLED_TITLES, "reorders": True},
    ("EPCI-CENTRE", "F05b", "2026-T1"): {"notice": True, "totals": True},
    ("EPCI-CENTRE", "F01", "2025-02"): {"adds": "Observations internes"},
    ("KABIA", "F02", "2025-04"): {"decomposed": True},
    ("CLUSTER972", "F08", "2025-07"): {"splits": True},
    ("CLUSTER972", "F01", "2024-10"): {"line_end": "\n", "encoding": "utf-8"},
    # a spreadsheet that took SIREN and SIRET for numbers lost their zeros
    ("CLUSTER972", "F05", "2025-11"): {"extension": "xlsx"},
    ("FEDERATION972", "F11", "2025-05"): {"encoding": "utf-8-sig", "delimiter": ";", "french": True},
}


def style_of(partner: str, feed: str = "", period: str = "") -> Style:
    """How the partner wrote this file."""
    return replace(STYLES[partner], **(HABITS.get((partner, feed), {}) | OCCASIONS.get((partner, feed, period), {})))
