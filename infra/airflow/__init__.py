"""Airflow's settings, as code."""
