"""How gateway and hub prove their keys over WebSocket, before the first `hello`. Sans-I/O.

On ZeroMQ CURVE does this. The same pairs (Curve25519) do it here: what X25519 makes of one's own
secret and the other's public key is known to these two only, and each shows that it has it by an
HMAC over two fresh nonces and both keys. No secret travels, and no proof is worth anything twice.
Sources: RFC 7748 section 6.1 (X25519), RFC 5869 section 2.2 (HKDF-Extract), RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated

import msgspec

from hub.wire.codec import Codec, DecodeError
from hub.wire.uplink import DOWN, PROTOCOL_VERSION, Refuse

NONCE_BYTES = 32
FRAME_BYTES_MAX = 1_024  # of a stranger
SALT = b"derny uplink 1"
RETRY_MS = 5_000

NOT_ALLOWED = "this hub does not know this key: on the hub run `derny gateway add NAME`"
WRONG_PROOF = "this key was made for another hub, or is not this gateway's"
NO_PROOF = "the key was to be proven first"

Bytes32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]+$", min_length=64, max_length=64)]
Z85Key = Annotated[str, msgspec.Meta(min_length=40, max_length=40)]


class Challenge(msgspec.Struct, frozen=True, tag_field="t", tag="challenge"):
    """The hub's first word."""

    version: int
    nonce: Bytes32


class Prove(msgspec.Struct, frozen=True, tag_field="t", tag="prove"):
    """The gateway's answer: who it is, and that it is."""

    key: Z85Key  # its public key
    nonce: Bytes32
    proof: Bytes32


class Proven(msgspec.Struct, frozen=True, tag_field="t", tag="proven"):
    """The hub knows this key, and is the one that it was made for. Now comes `hello`."""

    proof: Bytes32


Proof = Challenge | Prove | Proven
PROOF: Codec[Proof] = Codec(Proof, FRAME_BYTES_MAX)


class Unproven(Exception):
    """It goes no further. `refuse` says why, for the far side and for the counter."""

    def __init__(self, code: str, detail: str, retry_ms: int | None = RETRY_MS) -> None:
        super().__init__(f"{code}: {detail}")
        self.refuse = Refuse(code, detail, retry_ms)


class HubProof:
    """The hub's end of one connection.

    `nonce` is random and used once. `shared_with(key)` gives what the hub's secret and that public
    key make, None for a key that is not let in.
    """

    def __init__(
        self, hub_key: str, nonce: bytes, shared_with: Callable[[str], bytes | None]
    ) -> None:
        self._hub_key = hub_key
        self._nonce = nonce.hex()
        self._shared_with = shared_with

    def challenge(self) -> bytes:
        return PROOF.encode(Challenge(PROTOCOL_VERSION, self._nonce))

    def receive(self, frame: bytes) -> tuple[str, bytes]:
        """The gateway's public key, and the answer to it. Raises Unproven."""
        try:
            said = PROOF.decode(frame)
        except DecodeError as error:
            raise Unproven("malformed", error.code) from None
        if not isinstance(said, Prove):
            raise Unproven("malformed", NO_PROOF)
        shared = self._shared_with(said.key)
        if shared is None:
            raise Unproven("not_allowed", NOT_ALLOWED)
        told = (self._nonce, said.nonce, said.key, self._hub_key)
        if not hmac.compare_digest(said.proof, _proof("gateway", shared, *told)):
            raise Unproven("wrong_proof", WRONG_PROOF)
        return said.key, PROOF.encode(Proven(_proof("hub", shared, *told)))


class GatewayProof:
    """The gateway's end of one connection. `shared` is what its secret and the hub's key make."""

    def __init__(self, key: str, hub_key: str, nonce: bytes, shared: bytes) -> None:
        self._key = key
        self._hub_key = hub_key
        self._nonce = nonce.hex()
        self._shared = shared
        self._expected = ""  # of the hub, once it has been asked
        self.proven = False

    def receive(self, frame: bytes) -> bytes | None:
        """What to answer, if anything. Raises Unproven: also with what the hub refused."""
        try:
            said = PROOF.decode(frame)
        except DecodeError:
            raise _refused(frame) from None
        if isinstance(said, Challenge) and not self._expected:
            if said.version != PROTOCOL_VERSION:
                detail = f"the hub speaks version {said.version}, this gateway {PROTOCOL_VERSION}"
                raise Unproven("version", detail, None)
            told = (said.nonce, self._nonce, self._key, self._hub_key)
            self._expected = _proof("hub", self._shared, *told)
            proof = _proof("gateway", self._shared, *told)
            return PROOF.encode(Prove(self._key, self._nonce, proof))
        if isinstance(said, Proven) and self._expected:
            if not hmac.compare_digest(said.proof, self._expected):
                raise Unproven("wrong_proof", WRONG_PROOF)
            self.proven = True
            return None
        raise Unproven("malformed", NO_PROOF)


def _proof(role: str, shared: bytes, hub_nonce: str, nonce: str, key: str, hub_key: str) -> str:
    """Each part has a fixed length but the role, which stands last: no two meanings in one text."""
    secret = hmac.digest(SALT, shared, hashlib.sha256)
    told = "".join((hub_nonce, nonce, key, hub_key, role))
    return hmac.digest(secret, told.encode(), hashlib.sha256).hex()


def _refused(frame: bytes) -> Unproven:
    try:
        said = DOWN.decode(frame)
    except DecodeError as error:
        return Unproven("malformed", error.code)
    if isinstance(said, Refuse):
        return Unproven(said.code, said.detail, said.retry_ms)
    return Unproven("malformed", NO_PROOF)
