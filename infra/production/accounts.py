"""Where to go and with which account, in French: what an operator reads after the first start."""

from __future__ import annotations

from pathlib import Path

from infra.airflow.environment import ADMIN
from infra.production.stack import Stack

SUPERSET = {"admin": "administrateur", "comite": "comité", "ingenieur": "ingénieur"}


def summary(stack: Stack, shares: Path) -> str:
    """Addresses, first accounts and the drop's fingerprint.

    Args:
        shares: folder that holds a folder (a volume) of secrets for each kind of container.
    """
    lines = [f"Tableaux de bord   {stack.url('superset')}/superset/dashboard/pilotage/"]
    for user, title in SUPERSET.items():
        password = (shares / "superset" / f"superset_{user}").read_text(encoding="utf-8").strip()
        lines.append(f"  {title:<17}{user} / {password}")
    for path in sorted((shares / "superset").glob("superset_partenaire_*")):
        code = path.name.removeprefix("superset_partenaire_")
        lines.append(f"  {code:<17}partenaire-{code.lower()} / {path.read_text(encoding='utf-8').strip()}")
    password = (shares / "platform" / "airflow_admin").read_text(encoding="utf-8").strip()
    lines.append(f"Airflow            {stack.url('airflow')}   {ADMIN} / {password}")
    return "\n".join(lines)
