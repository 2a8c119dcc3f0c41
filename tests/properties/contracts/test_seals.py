"""The cipher is driven by hand; a JOSE library is the judge of what comes out."""

from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from shared.contracts.seals import KeyRing

KIDS = ("one", "two")
KEYS = {kid: OctKey.generate_key(256, {"kid": kid}) for kid in KIDS}
RING = KeyRing(KEYS)
REGISTRY = jwe.JWERegistry(algorithms=["dir", "A256GCM"])


@given(data=st.binary(max_size=2_000), kid=st.sampled_from(KIDS))
def test_a_jose_library_opens_what_we_seal(data: bytes, kid: str) -> None:
    opened = jwe.decrypt_compact(RING.seal_bytes(data, kid), KEYS[kid], registry=REGISTRY)
    assert opened.plaintext == data
    assert opened.protected == {"alg": "dir", "enc": "A256GCM", "kid": kid}


@given(data=st.binary(max_size=2_000), kid=st.sampled_from(KIDS), more=st.dictionaries(st.just("typ"), st.text()))
def test_we_open_what_a_jose_library_seals(data: bytes, kid: str, more: dict[str, str]) -> None:
    header = {"enc": "A256GCM", "kid": kid, "alg": "dir", **more}
    assert RING.open_bytes(jwe.encrypt_compact(header, data, KEYS[kid], registry=REGISTRY)) == data
