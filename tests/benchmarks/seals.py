"""Cost of a sealed field, by our own code and by the JOSE library: `python -m tests.benchmarks.seals`.

The field is an account as registration seals it. Figures are microseconds, the best of several rounds.
"""

import json
import os
import sys
import timeit
from collections.abc import Callable
from importlib.metadata import version

from joserfc import jwe
from joserfc.jwk import OctKey

from deploy.local.paths import VAR
from shared.contracts.seals import KeyRing

ROUNDS, TIMES = 7, 2_000
ACCOUNT = json.dumps({"sub": "4810000000000017", "number": "081200000001", "nik": "3273015204960001"}).encode()


def main() -> int:
    key = OctKey.generate_key(256, {"kid": "registration"})
    ring, library = KeyRing({"registration": key}), jwe.JWERegistry(algorithms=["dir", "A256GCM"])
    header = {"alg": "dir", "enc": "A256GCM", "kid": "registration"}
    token = ring.seal_bytes(ACCOUNT)
    result = {
        "open_us": _microseconds(lambda: ring.open_bytes(token)),
        "open_by_library_us": _microseconds(lambda: jwe.decrypt_compact(token, key, registry=library)),
        "seal_us": _microseconds(lambda: ring.seal_bytes(ACCOUNT)),
        "seal_by_library_us": _microseconds(lambda: jwe.encrypt_compact(header, ACCOUNT, key, registry=library)),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("joserfc", "cryptography")},
        "invariants_hold": jwe.decrypt_compact(token, key, registry=library).plaintext == ACCOUNT,
    }
    target = VAR / "bench" / "seals.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(target.read_text())
    return 0 if result["invariants_hold"] else 1


def _microseconds(work: Callable[[], object]) -> float:
    return round(min(timeit.repeat(work, number=TIMES, repeat=ROUNDS)) / TIMES * 1e6, 2)


if __name__ == "__main__":
    sys.exit(main())
