"""The keys of a service: under which it seals, and by which the data are known to be its own."""

from dataclasses import dataclass, replace

from shared.contracts.sealed import KeyRing
from shared.runtime.identity import Identity, identity_of
from shared.runtime.parts import ServiceParts
from shared.runtime.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Keys:
    """`own` seals what is parked, `sealing` the ends of chains; `identity` holds the data to all keys there are."""

    own: KeyRing
    sealing: Sealing
    identity: Identity

    @classmethod
    def load(cls, parts: ServiceParts) -> "Keys":
        """Read the keys of a service; raises OSError or ValueError for those that are missing or malformed."""
        folder = parts.settings.keys_folder
        own = KeyRing.load(folder / f"{parts.name}.jwks.json")
        sealing = Sealing.load(folder, parts.settings.service(), parts.chains)
        return cls(own, sealing, identity_of(parts.name, own, (*sealing.fixed(), *parts.fixed), parts.rings))

    def with_another_chain_key(self) -> "Keys":
        """Return them for data that were sealed under a chain's key that is lost, all others being theirs."""
        return replace(self, identity=self.identity.without(self.sealing.key.name))
