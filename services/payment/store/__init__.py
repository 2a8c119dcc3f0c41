"""One typed function per named query: arrays in, domain values out."""

from shared.postgres.queries import Queries

QUERIES = Queries.load("services.payment")
