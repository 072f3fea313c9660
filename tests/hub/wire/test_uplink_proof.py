"""Both ends of the proof: who has the keys comes through, whoever has not does not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import zmq

from gateway.keys import GatewayKey
from hub.wire.uplink import DOWN, Refuse
from hub.wire.uplink_proof import (
    FRAME_BYTES_MAX,
    PROOF,
    Challenge,
    GatewayProof,
    HubProof,
    Prove,
    Proven,
    Unproven,
)
from hub.zap import Door


@dataclass
class Keys:
    """Two pairs that know each other, as `derny gateway add` makes them."""

    hub: tuple[bytes, bytes]
    gateway: tuple[str, str]

    def door(self, allowed: bool = True) -> Door:
        names = {self.gateway[0]: "hall"} if allowed else {}
        return Door(*self.hub, names.get)

    def key(self, **other: str) -> GatewayKey:
        own = {"name": "hall", "public": self.gateway[0], "secret": self.gateway[1]}
        return GatewayKey(**{**own, "hub": self.hub[0].decode(), **other})


def new_pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def new_keys() -> Keys:
    return Keys(zmq.curve_keypair(), new_pair())


def hub_end(door: Door, nonce: bytes = b"h" * 32) -> HubProof:
    return HubProof(door.public.decode(), nonce, door.shared_with)


def gateway_end(key: GatewayKey, nonce: bytes = b"g" * 32) -> GatewayProof:
    return GatewayProof(key.public, key.hub, nonce, key.shared())


def test_both_sides_learn_whom_they_speak_to_and_no_secret_travels() -> None:
    keys = new_keys()
    hub, gateway = hub_end(keys.door()), gateway_end(keys.key())
    challenge = hub.challenge()
    prove = gateway.receive(challenge)
    assert prove is not None and not gateway.proven
    key, proven = hub.receive(prove)
    assert key == keys.gateway[0]
    assert gateway.receive(proven) is None and gateway.proven
    told = b"".join((challenge, prove, proven)).decode()
    for secret in (keys.gateway[1], keys.hub[1].decode(), keys.key().shared().hex()):
        assert secret not in told


def test_a_key_that_is_not_let_in_is_told_so() -> None:
    keys = new_keys()
    hub, gateway = hub_end(keys.door(allowed=False)), gateway_end(keys.key())
    prove = gateway.receive(hub.challenge())
    assert prove is not None
    with pytest.raises(Unproven) as no:
        hub.receive(prove)
    assert no.value.refuse.code == "not_allowed"
    with pytest.raises(Unproven, match=r"not_allowed: .*derny gateway add NAME"):
        gateway.receive(DOWN.encode(no.value.refuse))


def test_whoever_knows_public_keys_only_proves_nothing_to_either_side() -> None:
    keys = new_keys()
    public, secret = new_pair()
    thief = gateway_end(keys.key(secret=secret))  # the gateway's public key, not its secret
    hub = hub_end(keys.door())
    prove = thief.receive(hub.challenge())
    assert prove is not None
    with pytest.raises(Unproven, match="wrong_proof"):
        hub.receive(prove)

    impostor = Door(keys.hub[0], secret.encode(), keys.door().name_of)  # the hub's likewise
    gateway = gateway_end(keys.key())
    prove = gateway.receive(hub_end(impostor).challenge())
    assert prove is not None
    with pytest.raises(Unproven, match="wrong_proof"):
        hub_end(impostor).receive(prove)
    with pytest.raises(Unproven, match="wrong_proof"):
        gateway.receive(PROOF.encode(Proven("0" * 64)))
    assert not gateway.proven


def test_a_proof_is_worth_nothing_twice_nor_to_its_sender() -> None:
    keys = new_keys()
    first = gateway_end(keys.key()).receive(hub_end(keys.door()).challenge())
    assert first is not None
    with pytest.raises(Unproven, match="wrong_proof"):
        hub_end(keys.door(), b"n" * 32).receive(first)  # replayed to another challenge
    gateway = gateway_end(keys.key())
    said = PROOF.decode(gateway.receive(hub_end(keys.door()).challenge()) or b"")
    assert isinstance(said, Prove)
    with pytest.raises(Unproven, match="wrong_proof"):
        gateway.receive(PROOF.encode(Proven(said.proof)))  # reflected


def test_one_that_was_made_for_another_hub_does_not_fit() -> None:
    keys, other = new_keys(), new_keys()
    gateway = gateway_end(keys.key(hub=other.hub[0].decode()))
    hub = hub_end(keys.door())
    prove = gateway.receive(hub.challenge())
    assert prove is not None
    with pytest.raises(Unproven, match="wrong_proof"):
        hub.receive(prove)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"t":"hello"}',
        b'{"t":"prove","key":"a","nonce":"b","proof":"c"}',
        PROOF.encode(Challenge(1, "0" * 64)),
        PROOF.encode(Proven("0" * 64)),
        b" " * (FRAME_BYTES_MAX + 1),
    ],
)
def test_rubbish_is_one_kind_of_no(frame: bytes) -> None:
    keys = new_keys()
    with pytest.raises(Unproven, match="malformed"):
        hub_end(keys.door()).receive(frame)
    asked = gateway_end(keys.key())
    asked.receive(PROOF.encode(Challenge(1, "1" * 64)))
    with pytest.raises(Unproven):
        asked.receive(frame)
    assert not asked.proven


def test_a_hub_of_another_version_and_one_that_refuses_are_told_as_they_say() -> None:
    gateway = gateway_end(new_keys().key())
    with pytest.raises(Unproven, match="version: the hub speaks version 2"):
        gateway.receive(PROOF.encode(Challenge(2, "0" * 64)))
    with pytest.raises(Unproven, match="too_late: slow"):
        gateway.receive(DOWN.encode(Refuse("too_late", "slow", 100)))


def test_a_line_of_the_list_that_is_no_key_lets_nobody_in() -> None:
    door = Door(*zmq.curve_keypair(), lambda key: "anybody")
    assert door.shared_with("~" * 40) is None
    assert door.shared_with("0" * 40) is None  # a point that would make every secret zero
