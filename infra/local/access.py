"""Addresses and accounts: `access.json` for programs, a summary for people."""

from __future__ import annotations

import json
from shlex import quote
from typing import Any

from infra.airflow.environment import ADMIN
from infra.local.layout import Platform, write_atomically
from infra.local.postgres import administrator


def partners(platform: Platform) -> dict[str, str]:
    """Names of the partners that have an account, by code."""
    with administrator(platform, "lakou") as connection:
        return dict(connection.execute("select partner_code, name from ops.partners order by partner_code").fetchall())


def stored_business_date(platform: Platform) -> str | None:
    """Business date that the demonstration stored."""
    with administrator(platform, "lakou") as connection:
        row = connection.execute("select value from ops.settings where name = 'business_date'").fetchone()
    return str(row[0]) if row else None


def superset_accounts(platform: Platform, codes: list[str]) -> dict[str, dict[str, str]]:
    """Accounts of Superset, by role or partner."""
    users = {"Admin": "admin", "Comite": "comite", "Ingenieur": "ingenieur"}
    accounts = {role: {"user": user, "password": platform.secret(f"superset_{user}")} for role, user in users.items()}
    for code in codes:
        password = platform.secret(f"superset_partenaire_{code}")
        accounts[code] = {"user": f"partenaire-{code.lower()}", "password": password}
    return accounts


def host_public_key(platform: Platform) -> str:
    """Public half of the drop's host key, as `known_hosts` writes it."""
    from cryptography.hazmat.primitives import serialization

    private = serialization.load_ssh_private_key(platform.secret("sftp_host_key").encode() + b"\n", None)
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return private.public_key().public_bytes(*form).decode()


def write_access(platform: Platform) -> dict[str, Any]:
    """Write `access.json` (readable by its owner only) and return its contents."""
    codes = list(partners(platform))
    keys = {code: platform.home / "sftp" / "keys" / code for code in codes}
    home = platform.home
    access: dict[str, Any] = {
        "postgres": {
            "admin_dsn": platform.dsn("lakou_admin", "lakou_admin"),
            "reader_dsn": platform.dsn("lakou_reader", "lakou_reader"),
        },
        "airflow": {"url": platform.url("airflow"), "user": ADMIN, "password": platform.secret("airflow_admin")},
        "superset": {"url": platform.url("superset"), "accounts": superset_accounts(platform, codes)},
        "sftp": {
            "host": "127.0.0.1",
            "port": platform.ports["sftp"],
            "host_key": host_public_key(platform),
            "partners": {code: {"user": code, "key": str(key)} for code, key in keys.items() if key.exists()},
        },
        "paths": {
            "home": str(home),
            "lakou": str(platform.venv("pipeline") / "bin" / "lakou"),
            "secrets": str(platform.secrets),
            "logs": str(platform.logs),
            "drop": str(home / "drop"),
            "landing": str(home / "landing"),
            "demo": str(home / "demo"),
            "truth": str(home / "demo" / "truth"),
        },
        "business_date": stored_business_date(platform),
    }
    write_atomically(home / "access.json", json.dumps(access, ensure_ascii=False, indent=2) + "\n")
    return access


def summary(access: dict[str, Any]) -> str:
    """What to open, with which account, in French."""
    superset, airflow, sftp = access["superset"], access["airflow"], access["sftp"]
    lines = ["", "Lakou est prêt.", ""]
    lines.append(f"  Tableaux de bord   {superset['url']}/superset/dashboard/pilotage/")
    lines.append(f"                     {superset['url']}/superset/dashboard/programmes/")
    lines.append(f"                     {superset['url']}/superset/dashboard/qualite/")
    for role, account in superset["accounts"].items():
        if role in {"Comite", "Ingenieur", "Admin"}:
            title = {"Comite": "comité", "Ingenieur": "ingénieur", "Admin": "administrateur"}[role]
            lines.append(f"    {title:<16} {account['user']} / {account['password']}")
    shown = [role for role in superset["accounts"] if role not in {"Comite", "Ingenieur", "Admin"}]
    for role in shown[:1]:
        account = superset["accounts"][role]
        others = f"   (et {len(shown) - 1} autres)" if len(shown) > 1 else ""
        lines.append(f"    {'partenaire':<16} {account['user']} / {account['password']}{others}")
    lines.append(f"  Airflow            {airflow['url']}   {airflow['user']} / {airflow['password']}")
    for code, account in list(sftp["partners"].items())[:1]:
        lines.append(f"  Dépôt SFTP         sftp -i {quote(account['key'])} -P {sftp['port']} {code}@{sftp['host']}")
    lines.append(f"  Commande           {quote(access['paths']['lakou'])} --help")
    lines.append(f"  Tous les accès     {access['paths']['home']}/access.json")
    if access["business_date"]:
        lines.append(
            f"  Données de démonstration, entièrement synthétiques ; date de travail {access['business_date']}."
        )
    lines += ["", "  make status dit ce qui tourne, make down arrête tout (les données restent)."]
    return "\n".join(lines)
