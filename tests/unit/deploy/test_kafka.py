"""Cluster id of a new Kafka log."""

import pytest

from deploy.local.kafka import cluster_id


@pytest.mark.parametrize("first", range(256))
def test_cluster_id_never_looks_like_an_option(first: int) -> None:
    told = cluster_id(bytes([first]) + bytes(15))
    assert len(told) == 22
    assert not told.startswith("-")
