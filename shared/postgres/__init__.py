"""Postgres: sessions, named queries, migrations, and what a failure means."""
