"""Postgres: sessions, named queries, migrations, and the classes of failures."""
