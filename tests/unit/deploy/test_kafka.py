"""Cluster id of a new Kafka log."""

import pytest

from deploy.local.kafka import cluster_id


@pytest.mark.parametrize("first", range(256))
def test_cluster_id_never_looks_like_an_option(first: int) -> None:
    identity = cluster_id(bytes([first]) + bytes(15))
    assert len(identity) == 22
    assert not identity.startswith("-")
