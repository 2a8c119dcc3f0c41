"""The engine's named queries."""

from shared.postgres.queries import Queries

QUERIES = Queries.load("shared.messaging")
