"""The keys of a service: under which it seals, and by which the data are known to be its own."""

from dataclasses import dataclass, replace

from shared.contracts.seals import KeyRing
from shared.runtime.chain_seals import ChainSeals
from shared.runtime.data_identity import DataIdentity, data_identity_of
from shared.runtime.definition import ServiceDefinition


@dataclass(frozen=True, slots=True)
class Keys:
    """`own` seals what is parked, `sealing` the ends of chains; `identity` holds the data to all keys there are."""

    own: KeyRing
    chain_seals: ChainSeals
    identity: DataIdentity

    @classmethod
    def load(cls, definition: ServiceDefinition) -> "Keys":
        """Read the keys of a service; raises OSError or ValueError for those that are missing or malformed."""
        folder = definition.settings.keys_folder
        own = KeyRing.load(folder / f"{definition.name}.jwks.json")
        chain_seals = ChainSeals.load(folder, definition.settings.service(), definition.chains)
        return cls(
            own,
            chain_seals,
            data_identity_of(
                definition.name, own, (*chain_seals.pinned(), *definition.pinned), definition.rotating_keys
            ),
        )

    def with_another_chain_key(self) -> "Keys":
        """Return them for data that were sealed under a chain's key that is lost, all others being theirs."""
        return replace(self, identity=self.identity.without(self.chain_seals.key.name))
