"""Bring Superset to the state that this directory describes, in one process. Run again, it changes nothing.

Metadata schema, permissions, administrator, assets (in one transaction), assets no longer described, roles, users,
row-level security, dashboards' readers. When nothing that it depends on has changed it says so at once.

Environment: LAKOU_HOME, LAKOU_SECRETS_DIR, SUPERSET_METADATA_URI (see `superset_config.py`) and
    LAKOU_READER_URI: SQLAlchemy URL of the warehouse as lakou_reader. Required.
    LAKOU_PARTNERS_FILE: JSON `[{"code": "…", "name": "…"}]`, default `$LAKOU_HOME/run/partners.json`; absent = none.
Passwords: secret files `superset_admin`, `superset_comite`, `superset_ingenieur`; `superset_partenaire_<CODE>` is made
when it is absent.

Exit code 0 when Superset is as described, 1 with the cause on stderr when it is not.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import json
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ASSETS = HERE / "assets"
# what the importer replaces by the password that it is given
MASK = "X" * 10
STAMP = "create table if not exists lakou_bootstrap (name text primary key, digest text not null)"


class BootstrapError(Exception):
    """Superset cannot be brought to the described state; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What Superset is to become.

    Args:
        assets: text of each YAML file of `assets/` by its path there, that of a dashboard with `assets/dashboards.css`.
        security: contents of `security.yml`.
        partners: name by code.
        passwords: password by user name.
        reader_uri: SQLAlchemy URL of the warehouse.
        metadata_uri: SQLAlchemy URL of Superset's own database.
    """

    assets: dict[str, str]
    security: dict[str, Any]
    partners: dict[str, str]
    passwords: dict[str, str]
    reader_uri: str
    metadata_uri: str

    def uuids(self, kind: str) -> list[str]:
        """UUIDs of the assets of one folder (databases, datasets, charts, dashboards)."""
        return [yaml.safe_load(text)["uuid"] for path, text in self.assets.items() if path.startswith(f"{kind}/")]

    def version_digest(self) -> str:
        """Changes with the code of Superset, its configuration and the machine's secrets."""
        code = importlib.metadata.version("apache-superset")
        return _digest(code, (HERE / "superset_config.py").read_text(encoding="utf-8"))

    def digest(self) -> str:
        """Changes with anything that this program would apply."""
        program = Path(__file__).read_text(encoding="utf-8")
        parts = [self.assets, self.security, self.partners, self.passwords]
        return _digest(self.version_digest(), program, self.reader_uri, *(json.dumps(p, sort_keys=True) for p in parts))


def main() -> int:
    """Apply the plan; `--force` does it even when nothing changed since the last time."""
    parser = argparse.ArgumentParser(description="Met Superset dans l'état décrit par infra/superset.")
    parser.add_argument("--force", action="store_true", help="tout refaire, même si rien n'a changé")
    force = parser.parse_args().force
    # Superset, Alembic and SQLAlchemy tell their whole life; what goes wrong comes as an exception
    logging.disable(logging.WARNING)
    started = time.monotonic()
    try:
        plan = read_plan()
        if not force and is_applied(plan):
            say(f"déjà à jour ({time.monotonic() - started:.1f} s)")
            return 0
        apply(plan)
    except BootstrapError as error:
        sys.stderr.write(f"Superset : {error}\n")
        return 1
    say(f"prêt ({time.monotonic() - started:.1f} s, dont {time.process_time():.1f} s de processeur)")
    return 0


def say(text: str) -> None:
    """Tell the operator, at once."""
    sys.stdout.write(f"Superset : {text}\n")
    sys.stdout.flush()


def read_plan() -> Plan:
    """Read assets, security, partners and passwords.

    Raises:
        BootstrapError: a variable, a file or a secret is missing or not what it should be.
    """
    home = Path(os.environ.get("LAKOU_HOME", HERE.parents[1] / ".lakou"))
    secret_files = Path(os.environ.get("LAKOU_SECRETS_DIR", home / "secrets"))
    missing = [name for name in ("SUPERSET_METADATA_URI", "LAKOU_READER_URI") if not os.environ.get(name)]
    if missing:
        raise BootstrapError(f"variable d'environnement absente : {', '.join(missing)}")
    # the configuration reads the same two
    os.environ["LAKOU_HOME"], os.environ["LAKOU_SECRETS_DIR"] = str(home), str(secret_files)
    os.environ.setdefault("SUPERSET_CONFIG_PATH", str(HERE / "superset_config.py"))

    partners = read_partners(Path(os.environ.get("LAKOU_PARTNERS_FILE", home / "run" / "partners.json")))
    passwords = {user: _secret(secret_files / f"superset_{user}") for user in ("admin", "comite", "ingenieur")}
    for code in partners:
        path = secret_files / f"superset_partenaire_{code}"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(15), encoding="utf-8")
        passwords[f"partenaire-{code.lower()}"] = _secret(path)
    _secret(secret_files / "superset_secret_key")
    return Plan(
        assets=read_assets(),
        security=yaml.safe_load((HERE / "security.yml").read_text(encoding="utf-8")),
        partners=partners,
        passwords=passwords,
        reader_uri=os.environ["LAKOU_READER_URI"],
        metadata_uri=os.environ["SUPERSET_METADATA_URI"],
    )


def read_assets() -> dict[str, str]:
    """Text of each asset by its path below `assets/`; all dashboards have one style sheet."""
    assets = {p.relative_to(ASSETS).as_posix(): p.read_text(encoding="utf-8") for p in sorted(ASSETS.rglob("*.yaml"))}
    style = (ASSETS / "dashboards.css").read_text(encoding="utf-8")
    for path in [path for path in assets if path.startswith("dashboards/")]:
        assets[path] = yaml.safe_dump(yaml.safe_load(assets[path]) | {"css": style})
    return assets


def read_partners(path: Path) -> dict[str, str]:
    """Name by code of the partners that have an account.

    Raises:
        BootstrapError: a code that is not one (it goes into the clauses of row-level security).
    """
    if not path.exists():
        return {}
    partners = {entry["code"]: entry["name"] for entry in json.loads(path.read_text(encoding="utf-8"))}
    wrong = [code for code in partners if not re.fullmatch(r"[A-Z0-9-]{2,16}", code)]
    if wrong:
        raise BootstrapError(f"{path} : code de partenaire invalide : {', '.join(wrong)}")
    return partners


def is_applied(plan: Plan) -> bool:
    """Whether this very plan was applied and what it made is still there."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    tables = {"datasets": "tables", "charts": "slices", "dashboards": "dashboards"}
    engine = create_engine(plan.metadata_uri)
    try:
        with engine.connect() as connection:
            found = connection.execute(text("select digest from lakou_bootstrap where name = 'plan'")).scalar()
            if found != plan.digest():
                return False
            for kind, table in tables.items():
                known = {str(row[0]) for row in connection.execute(text(f"select uuid from {table}"))}
                if not set(plan.uuids(kind)) <= known:
                    return False
            return True
    except SQLAlchemyError as error:
        if "lakou_bootstrap" in str(error):
            return False
        raise BootstrapError(f"la base de métadonnées ne répond pas : {error}") from error
    finally:
        engine.dispose()


def apply(plan: Plan) -> None:
    """Bring Superset to the plan.

    Raises:
        BootstrapError: a step failed; the assets are imported whole or not at all.
    """
    with step("application chargée"):
        from superset.app import create_app

        app = create_app()
    with app.app_context():
        from superset import db

        db.session.execute(db.text(STAMP))
        db.session.commit()
        if read_stamp("version") != plan.version_digest():
            with step("base de métadonnées migrée"):
                upgrade_metadata()
            with step("permissions de Superset posées"):
                initialise()
            write_stamp("version", plan.version_digest())
        with step("administrateur prêt"):
            sync_user("admin", "Administration", ["Admin"], plan.passwords["admin"])
        with step(f"{len(plan.assets) - 1} éléments importés"):
            import_assets(plan)
        with step("éléments disparus retirés"):
            prune(plan)
        with step("rôles, comptes et accès synchronisés"):
            sync_security(plan)
        write_stamp("plan", plan.digest())


@contextmanager
def step(done: str) -> Iterator[None]:
    """Say what was done and how long it took; any failure becomes a BootstrapError that names the step."""
    started = time.monotonic()
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except BootstrapError:
        raise
    except Exception as error:
        raise BootstrapError(f"échec avant « {done} » : {type(error).__name__}: {error}") from error
    say(f"{done} ({time.monotonic() - started:.1f} s)")


def read_stamp(name: str) -> str | None:
    """Digest stored by `write_stamp`."""
    from superset import db

    digest: str | None = db.session.execute(
        db.text("select digest from lakou_bootstrap where name = :name"), {"name": name}
    ).scalar()
    return digest


def write_stamp(name: str, digest: str) -> None:
    """Remember, in the database that it describes, what was applied to it."""
    from superset import db

    db.session.execute(db.text("delete from lakou_bootstrap where name = :name"), {"name": name})
    values = {"name": name, "digest": digest}
    db.session.execute(db.text("insert into lakou_bootstrap (name, digest) values (:name, :digest)"), values)
    db.session.commit()


def upgrade_metadata() -> None:
    """Run the migrations of Superset's own database, where there are some to run."""
    import superset
    from alembic.script import ScriptDirectory
    from flask_migrate import upgrade
    from superset import db

    directory = str(Path(superset.__file__).parent / "migrations")
    inspector = db.inspect(db.engine)
    if inspector.has_table("alembic_version"):
        current = {row[0] for row in db.session.execute(db.text("select version_num from alembic_version"))}
        db.session.commit()
        if current == set(ScriptDirectory(directory).get_heads()):
            return
    upgrade(directory=directory)


def initialise() -> None:
    """`superset init`: permissions of the views and Superset's own roles."""
    from superset import appbuilder, db, security_manager

    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    db.session.commit()


def sync_user(username: str, last_name: str, roles: list[str], password: str) -> None:
    """Make one account what it should be: roles and password."""
    from superset import db, security_manager
    from werkzeug.security import check_password_hash

    wanted = [security_manager.find_role(name) for name in roles]
    user = security_manager.find_user(username)
    if user is None:
        email = f"{username}@lakou.invalid"
        if not security_manager.add_user(username, "Lakou", last_name, email, wanted, password=password):
            raise BootstrapError(f"le compte {username} n'a pas pu être créé")
        return
    user.roles, user.last_name, user.active = wanted, last_name, True
    if not check_password_hash(user.password, password):
        security_manager.reset_password(user.id, password)
    db.session.commit()


def import_assets(plan: Plan) -> None:
    """Import every asset in one transaction, in the administrator's name."""
    from sqlalchemy.engine import make_url
    from superset import security_manager
    from superset.commands.exceptions import CommandInvalidError, ImportFailedError
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    url = make_url(plan.reader_uri)
    contents = dict(plan.assets)
    for path in [path for path in contents if path.startswith("databases/")]:
        # the address of the warehouse is the machine's, not the repository's
        database = yaml.safe_load(contents[path])
        database["sqlalchemy_uri"] = url.set(password=MASK).render_as_string(hide_password=False)
        contents[path] = yaml.safe_dump(database)
    passwords = {path: url.password or "" for path in contents if path.startswith("databases/")}
    with override_user(security_manager.find_user("admin")):
        try:
            ImportAssetsCommand(contents, passwords=passwords).run()
        except ImportFailedError as error:
            # Superset hides what is wrong behind "unknown reason"
            cause = error.__cause__
            found = cause.normalized_messages() if isinstance(cause, CommandInvalidError) else cause or error
            raise BootstrapError(f"les éléments de {ASSETS} ne sont pas valides : {found!r}") from error


def prune(plan: Plan) -> None:
    """Delete what an earlier import made and the assets no longer describe; what people made by hand stays."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    for kind, model in (("dashboards", Dashboard), ("charts", Slice), ("datasets", SqlaTable)):
        described = set(plan.uuids(kind))
        for row in db.session.query(model).filter(model.is_managed_externally.is_(True)):
            if str(row.uuid) not in described:
                db.session.delete(row)
    db.session.commit()


def sync_security(plan: Plan) -> None:
    """Roles, accounts, row-level security and dashboards' readers, exactly as `security.yml` says."""
    from superset import db, security_manager
    from superset.models.dashboard import Dashboard

    roles = plan.security["roles"]
    for name, spec in roles.items():
        role = security_manager.find_role(name) or security_manager.add_role(name)
        inherited = roles[spec["with"]]["permissions"] if "with" in spec else []
        # the exact set: what was added by hand goes
        role.permissions = [_permission(*pair) for pair in [*inherited, *spec["permissions"]]]
    for code in plan.partners:
        role = security_manager.find_role(f"Partenaire_{code}") or security_manager.add_role(f"Partenaire_{code}")
        role.permissions = []
    db.session.commit()

    for username, spec in plan.security["users"].items():
        sync_user(username, spec["name"], spec["roles"], plan.passwords[username])
    for code, name in plan.partners.items():
        username = f"partenaire-{code.lower()}"
        sync_user(username, name[:64], ["Partenaire", f"Partenaire_{code}"], plan.passwords[username])
    _close_former_partners(plan)
    sync_row_security(plan)

    for slug, names in plan.security["dashboards"].items():
        dashboard = db.session.query(Dashboard).filter_by(slug=slug).one()
        dashboard.roles = [security_manager.find_role(name) for name in names]
    db.session.commit()


def _close_former_partners(plan: Plan) -> None:
    from superset import db, security_manager

    for user in db.session.query(security_manager.user_model).filter_by(active=True):
        if user.username.startswith("partenaire-") and user.username not in plan.passwords:
            user.active = False
    db.session.commit()


def sync_row_security(plan: Plan) -> None:
    """Each dataset shows nothing to anybody but the roles that `security.yml` names; a partner sees its own rows.

    Raises:
        BootstrapError: a dataset that `security.yml` does not mention.
    """
    from superset import db, security_manager
    from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable

    tables = {table.table_name: table for table in db.session.query(SqlaTable)}
    classes = plan.security["datasets"]
    unknown = sorted(set(tables) - set(classes))
    if unknown:
        raise BootstrapError(f"jeux de données absents de security.yml : {', '.join(unknown)}")
    partner_roles = [f"Partenaire_{code}" for code in plan.partners]
    by_class = {
        name: [tables[t] for t, c in classes.items() if c == name and t in tables] for name in ("own", "all", "none")
    }
    everyone = plan.security["full_readers"]
    rules = [
        # a base rule applies to everybody but its roles
        ("lakou_ferme", "Base", "1 = 0", None, by_class["own"] + by_class["all"], everyone + partner_roles),
        ("lakou_ferme_aux_partenaires", "Base", "1 = 0", None, by_class["none"], everyone),
        *(
            (f"lakou_partenaire_{code}", "Regular", f"partner_code = '{code}'", "partenaire", by_class["own"], [role])
            for code, role in zip(plan.partners, partner_roles, strict=True)
        ),
    ]
    known = {rule.name: rule for rule in db.session.query(RowLevelSecurityFilter)}
    for name, kind, clause, group, datasets, roles in rules:
        rule = known.pop(name, None) or RowLevelSecurityFilter(name=name)
        rule.filter_type, rule.clause, rule.group_key = kind, clause, group
        rule.tables, rule.roles = datasets, [security_manager.find_role(role) for role in roles]
        db.session.add(rule)
    for name, rule in known.items():
        if name.startswith("lakou_"):
            db.session.delete(rule)
    db.session.commit()


def _permission(permission: str, view: str) -> Any:
    from superset import security_manager

    found = security_manager.find_permission_view_menu(permission, view)
    if found is None:
        raise BootstrapError(f"security.yml : permission inconnue de Superset : {permission} sur {view}")
    return found


def _secret(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BootstrapError(f"le secret {path} ne se lit pas ({error.strerror})") from error
    if not text:
        raise BootstrapError(f"le secret {path} est vide")
    return text


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
