"""Typed functions, one per named query: arrays in, values out. Nothing else uses `sql/`."""

from shared.postgres.queries import Queries

QUERIES = Queries.load("services.enrollment")
