"""All that the doctor looks at, in the order in which one would mend it."""

from __future__ import annotations

from ingestion.health import machine, services, warehouse
from ingestion.health.findings import Check

CHECKS = (
    Check("database", warehouse.check_database, "database"),
    Check("rights", warehouse.check_rights, "database"),
    Check("secrets", machine.check_secrets, "keys"),
    Check("landing", machine.check_landing, "landing"),
    Check("keyed hashes", machine.check_hmac_key, "keys"),
    Check("disk", machine.check_disk, "disk", is_alert=True),
    Check("drop", machine.check_drop, "drop"),
    Check("clock", machine.check_clock, "clock"),
    Check("airflow", services.check_airflow, "services"),
    Check("superset", services.check_superset, "services"),
    Check("sftp", services.check_sftp, "services"),
    Check("certificate", services.check_certificate, "certificate", is_alert=True),
    Check("deliveries", warehouse.check_deliveries, "deliveries"),
    Check("publication", warehouse.check_publication, "publication-held", is_alert=True),
    Check("sources", warehouse.check_sources, "source-quiet", is_alert=True),
    Check("deadlines", warehouse.check_deadlines, "deadline-passed", is_alert=True),
    Check("backup", services.check_backup, "backup", is_alert=True),
    Check("custody of keys", services.check_custody, "backup"),
    Check("journal", warehouse.check_wal, "point-in-time"),
    Check("mail", warehouse.check_mail, "mail"),
)
