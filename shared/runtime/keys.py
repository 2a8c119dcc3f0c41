"""The keys of a service: those it seals with, and those the data must have been made with."""

from dataclasses import dataclass, replace

from shared.contracts.seals import KeyRing
from shared.runtime.chain_seals import ChainSeals
from shared.runtime.data_identity import DataIdentity, data_identity_of
from shared.runtime.definition import ServiceDefinition


@dataclass(frozen=True, slots=True)
class Keys:
    """`own` seals parked records, `chain_seals` the ends of chains; `identity` compares all keys with the data.

    `rings` are all rings of the service.
    """

    own: KeyRing
    chain_seals: ChainSeals
    identity: DataIdentity
    rings: tuple[KeyRing, ...]

    @classmethod
    def load(cls, definition: ServiceDefinition) -> "Keys":
        """Read the keys of a service; raise OSError or Refused if one is missing or malformed."""
        folder = definition.settings.keys_folder
        own = KeyRing.load(folder / f"{definition.name}.jwks.json")
        chain_seals = ChainSeals.load(folder, definition.settings.service(), definition.chains)
        return cls(
            own,
            chain_seals,
            data_identity_of(
                definition.name, own, (*chain_seals.pinned(), *definition.pinned), definition.rotating_keys
            ),
            (own, *definition.key_rings),
        )

    def take_over(self, read: "Keys") -> None:
        """Give each ring the keys of its counterpart, for everybody who has it."""
        for ring, other in zip(self.rings, read.rings, strict=True):
            ring.take_over(other.keys)

    def with_another_chain_key(self) -> "Keys":
        """Return the keys for data whose chain key is lost: all but that one are compared."""
        return replace(self, identity=self.identity.without(self.chain_seals.key.name))
