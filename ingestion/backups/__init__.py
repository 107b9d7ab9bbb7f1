"""Backups: made while the platform works, encrypted as they are written, restored into an empty platform and compared."""
