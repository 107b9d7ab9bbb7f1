"""Configuration of Superset: French, closed by default, everything that differs between machines from the environment.

Environment:
    LAKOU_HOME, LAKOU_SECRETS_DIR: where the secret files are (default `.lakou` in the checkout, `$LAKOU_HOME/secrets`).
    SUPERSET_METADATA_URI: Superset's own database (SQLAlchemy URL). Required.
    SUPERSET_BASE_URL: address seen by the readers; an https address makes cookies secure.
    SUPERSET_REDIS_URL: Redis for caches and limits (production). Without it: figures are kept on disk, limits in memory.
    LAKOU_READER_URI: SQLAlchemy URL of the warehouse as lakou_reader, for the edition that kept figures belong to. Required.
    SUPERSET_LOGIN_LIMIT: logins allowed by address (default "30 per 1 minute").
    SUPERSET_LOG_LEVEL: default WARNING.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from flask import redirect, request

_HOME = Path(os.environ.get("LAKOU_HOME", Path(__file__).resolve().parents[2] / ".lakou"))
_SECRETS = Path(os.environ.get("LAKOU_SECRETS_DIR", _HOME / "secrets"))
_BASE_URL = os.environ.get("SUPERSET_BASE_URL", "http://127.0.0.1:8088/")
_HTTPS = _BASE_URL.startswith("https://")
_REDIS_URL = os.environ.get("SUPERSET_REDIS_URL", "")
_FIGURES = "infra.superset.figures_cache.FiguresCache"

# Without its key or its database Superset must not start: no default for either.
SECRET_KEY = (_SECRETS / "superset_secret_key").read_text(encoding="utf-8").strip()
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_METADATA_URI"]
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True}
GUEST_TOKEN_JWT_SECRET = f"{SECRET_KEY}-guest"
GLOBAL_ASYNC_QUERIES_JWT_SECRET = f"{SECRET_KEY}-async-query-jwt-secret"

APP_NAME = "Lakou"
LOGO_TARGET_PATH = "/dashboard/list/"
LOGO_TOOLTIP = "Lakou : tableaux de bord"
_LOGO = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='104' height='32' viewBox='0 0 104 32'>"
    "<path d='M4 15 16 5l12 10v12H4z' fill='none' stroke='%2300707C' stroke-width='3'/>"
    "<circle cx='16' cy='19' r='4' fill='%23E08A00'/>"
    "<text x='36' y='24' font-family='Helvetica,Arial,sans-serif' font-size='22' font-weight='700' fill='%2300707C'>"
    "Lakou</text></svg>"
)
THEME_DEFAULT = {
    "token": {
        "brandAppName": APP_NAME,
        "brandLogoAlt": APP_NAME,
        "brandLogoUrl": f"data:image/svg+xml;utf8,{_LOGO}",
        "brandLogoHeight": "32px",
        "brandLogoMargin": "12px 0",
        "brandLogoHref": "/dashboard/list/",
        "colorPrimary": "#00707C",
        "colorLink": "#00707C",
        "fontFamily": "Inter, Helvetica, Arial, sans-serif",
    },
    "algorithm": "default",
}
THEME_DARK = None
LOG_LEVEL = getattr(logging, os.environ.get("SUPERSET_LOG_LEVEL", "WARNING"))

# French interface, numbers and dates
BABEL_DEFAULT_LOCALE = "fr"
LANGUAGES = {"fr": {"flag": "fr", "name": "Français"}, "en": {"flag": "us", "name": "English"}}
D3_FORMAT = {"decimal": ",", "thousands": "\u202f", "grouping": [3], "currency": ["", "\u00a0€"]}
D3_TIME_FORMAT = {
    "dateTime": "%A %e %B %Y à %X",
    "date": "%d/%m/%Y",
    "time": "%H:%M:%S",
    "periods": ["AM", "PM"],
    "days": ["dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"],
    "shortDays": ["dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."],
    "months": [
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ],
    "shortMonths": ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
}
CURRENCIES = ["EUR"]
CSV_EXPORT = {"encoding": "utf-8-sig", "sep": ";", "decimal": ","}

# Who comes in
AUTH_USER_REGISTRATION = False
AUTH_ROLE_PUBLIC = "Public"
PUBLIC_ROLE_LIKE = None
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _HTTPS
# two platforms on one machine differ by port only, which a cookie does not see
SESSION_COOKIE_NAME = f"lakou_superset_{urlsplit(_BASE_URL).port or 443}"
PERMANENT_SESSION_LIFETIME = timedelta(hours=8)
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = _REDIS_URL or "memory://"
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = os.environ.get("SUPERSET_LOGIN_LIMIT", "30 per 1 minute")
ENABLE_PROXY_FIX = _HTTPS

# What the browser and the database may do
FAB_API_SWAGGER_UI = False
ENABLE_CORS = False
HASH_ALGORITHM = "sha256"
PREVENT_UNSAFE_DB_CONNECTIONS = True
DATASET_IMPORT_ALLOWED_DATA_URLS: list[str] = []
CONTENT_SECURITY_POLICY_WARNING = False
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        # no tile server and no telemetry: a page talks to this server only
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
        "frame-ancestors": ["'self'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": _HTTPS,
    "session_cookie_secure": _HTTPS,
}
FEATURE_FLAGS = {
    "DASHBOARD_RBAC": True,
    "EMBEDDABLE_CHARTS": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "ENABLE_JAVASCRIPT_CONTROLS": False,
    "ALERT_REPORTS": False,
}
SQLLAB_CTAS_NO_LIMIT = False
ROW_LIMIT = 10000
SQLLAB_TIMEOUT = 30
SUPERSET_WEBSERVER_TIMEOUT = 60


def _redis_cache(prefix: str, seconds: int) -> dict[str, Any]:
    return {
        "CACHE_TYPE": "RedisCache",
        "CACHE_DEFAULT_TIMEOUT": seconds,
        "CACHE_KEY_PREFIX": f"lakou_{prefix}_",
        "CACHE_REDIS_URL": _REDIS_URL,
    }


# Without Redis filters' state is kept in the metadata database, and figures on disk.
if _REDIS_URL:
    # tasks end their own session with their context; Superset's second end of it, outside of any, is an error in the log
    CELERY_ALWAYS_EAGER = True
    CACHE_CONFIG = _redis_cache("meta", 86_400)
    DATA_CACHE_CONFIG = _redis_cache("data", 86_400) | {"CACHE_TYPE": _FIGURES}
    FILTER_STATE_CACHE_CONFIG = _redis_cache("filter", 90 * 86_400)
    EXPLORE_FORM_DATA_CACHE_CONFIG = _redis_cache("explore", 7 * 86_400)

    class CELERY_CONFIG:  # noqa: N801 - the name that Superset looks for
        """What the worker does without being asked; the queue is in a database of Redis of its own."""

        broker_url = _REDIS_URL
        result_backend = _REDIS_URL
        result_expires = 3_600
        imports = ("infra.superset.following", "superset.sql_lab")
        worker_prefetch_multiplier = 1
        task_acks_late = True
        broker_connection_retry_on_startup = True
        beat_schedule = {  # noqa: RUF012 - Celery reads a class
            "follow": {"task": "lakou.follow", "schedule": 60.0, "options": {"expires": 55}},
            "prune_logs": {
                "task": "prune_logs",
                "schedule": crontab(hour=3, minute=10),
                "kwargs": {"retention_period_days": 180, "max_rows_per_run": 100_000},
            },
            "prune_query": {
                "task": "prune_query",
                "schedule": crontab(hour=3, minute=20),
                "kwargs": {"retention_period_days": 180},
            },
        }

else:
    CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
    DATA_CACHE_CONFIG = {
        "CACHE_TYPE": _FIGURES,
        "CACHE_DEFAULT_TIMEOUT": 86_400,
        "CACHE_DIR": str(_HOME / "superset" / "figures"),
        "CACHE_THRESHOLD": 5_000,
    }


def _lead_on() -> Any:
    # the welcome page offers charts and folders that no reader has
    if request.path == "/superset/welcome/":
        return redirect("/dashboard/list/")
    # links that stand in minutes from before the cited figure had a page of its own
    if request.path == "/superset/dashboard/pilotage/" and "NATIVE_FILTER-reference" in request.args.get(
        "native_filters", ""
    ):
        return redirect(f"/superset/dashboard/chiffre/?{request.query_string.decode()}")
    return None


# an empty chart says what may be the reason, in the reader's words
_EMPTY = (
    "Rien à montrer ici : ce chiffre n’est pas publié à cette maille (période, territoire, partenaire ou profil), "
    "ou aucune remise ne le concerne. Les tableaux disent lequel ; changez un filtre du haut de la page."
)

# what Superset's own French lacks or has wrong, of what our readers meet
FRENCH = {
    "No results": ["Rien à montrer"],
    "No data": ["Rien à montrer"],
    "No results were returned for this query": [_EMPTY],
    "No results were returned for this query. If you expected results to be returned, ensure any filters are configured"
    " properly and the datasource contains data for the selected time range.": [_EMPTY],
    "No matching records found": ["Aucune ligne ne correspond à la recherche"],
    "Applied cross-filters": ["Filtres croisés appliqués"],
    "Last updated %s": ["Mis à jour %s"],
    "%s record": ["%s ligne", "%s lignes"],
    "%s record...": ["%s ligne…", "%s lignes…"],
    "Search %s records": ["Chercher parmi %s lignes"],
    "Data error": ["Erreur de données"],
}


def _mend_french(response: Any) -> Any:
    # the page asks for its texts once, and Superset sends a file of the package as it is
    if request.path == "/superset/language_pack/fr/" and response.status_code == 200:
        response.direct_passthrough = False
        pack = json.loads(response.get_data())
        pack["locale_data"]["superset"].update(FRENCH)
        response.set_data(json.dumps(pack))
    return response


def FLASK_APP_MUTATOR(app: Any) -> None:  # noqa: N802 - the name that Superset looks for
    """Limit logins (AUTH_RATE_LIMIT reaches neither the form nor the API of Superset 6.1); lead to what moved."""
    for name in ("AuthDBView", "SecurityApi"):
        if name in app.blueprints:
            app.appbuilder.sm.limiter.limit(AUTH_RATE_LIMIT, methods=["POST"])(app.blueprints[name])
    app.before_request(_lead_on)
    app.after_request(_mend_french)
