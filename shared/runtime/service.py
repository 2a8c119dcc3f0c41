"""Composition of a running service: the engine, its broker and the HTTP pages, as one FastStream application."""

from shared.runtime.parts import Gauge, Invariant, ServiceParts

__all__ = ["Gauge", "Invariant", "ServiceParts"]
