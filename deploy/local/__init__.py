"""A whole installation on one machine without containers: a real Kafka, a real PostgreSQL, three services."""
