"""A whole installation on one machine without containers: real Kafka, real PostgreSQL, three services."""
