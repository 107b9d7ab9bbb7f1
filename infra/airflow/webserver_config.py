"""Accounts of Airflow in the production stack: its own database, nobody registers by himself, few tries a minute."""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
AUTH_USER_REGISTRATION = False
AUTH_ROLE_PUBLIC = None
WTF_CSRF_ENABLED = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_SAMESITE = "Lax"
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "30 per 1 minute"
