"""What the codec promises of single payloads, and the settings of their keys."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter

from engine.encryption import ENCODING, KEY_ID, NONCE_BYTES, Codec, Key, UnknownKey, converter, keys_of, new_key
from settings import Encryption, InvalidSettings

ONE, TWO, THREE = (Key(name, bytes([i]) * 32) for i, name in enumerate(("one", "two", "three"), start=1))
SAID = Payload(metadata={"encoding": b"json/plain", "messageType": b"x"}, data=b'{"iban":"DE02120300000000202051"}')
BAD = base64.b64encode(b"too short").decode()


async def sealed(*keys: Key, payload: Payload = SAID) -> Payload:
    return (await Codec(keys).encode([payload]))[0]


async def opened(payload: Payload, *keys: Key) -> Payload:
    return (await Codec(keys).decode([payload]))[0]


async def test_a_payload_is_given_back_as_it_was_with_all_of_its_metadata() -> None:
    kept = await sealed(ONE)
    assert await opened(kept, ONE) == SAID


async def test_beside_what_is_encrypted_stands_nothing_but_the_keys_name() -> None:
    kept = await sealed(ONE)
    assert dict(kept.metadata) == {"encoding": ENCODING, KEY_ID: b"one"}
    for said in (b"DE02", b"iban", b"json", b"messageType"):
        assert said not in kept.SerializeToString()


async def test_the_same_payload_is_never_encrypted_alike_twice() -> None:
    kept = [await sealed(ONE) for _ in range(100)]
    assert len({each.data[:NONCE_BYTES] for each in kept}) == 100
    assert len({each.data for each in kept}) == 100


async def test_the_first_key_encrypts_and_each_key_decrypts() -> None:
    by_one, by_two = await sealed(ONE, TWO), await sealed(TWO, ONE)
    assert (by_one.metadata[KEY_ID], by_two.metadata[KEY_ID]) == (b"one", b"two")
    for kept in (by_one, by_two):
        assert await opened(kept, THREE, TWO, ONE) == SAID


async def test_a_key_that_is_missing_is_named_with_what_to_do() -> None:
    kept = await sealed(ONE)
    with pytest.raises(
        UnknownKey, match=r"under key 'one', .* \(it has: two, three\).* nothing is lost .* Add that key"
    ):
        await opened(kept, TWO, THREE)
    with pytest.raises(UnknownKey, match="it has: none"):
        await opened(kept)


async def test_what_was_written_before_there_were_keys_is_read() -> None:
    assert await opened(SAID, ONE) == SAID
    assert await sealed() == SAID, "and without keys nothing is encrypted"


@pytest.mark.parametrize("place", [0, NONCE_BYTES, -1])
async def test_a_changed_byte_opens_nothing_and_is_left_for_its_reader_to_refuse(place: int) -> None:
    kept = await sealed(ONE)
    data = bytearray(kept.data)
    data[place] ^= 1
    changed = Payload(metadata=kept.metadata, data=bytes(data))
    assert await opened(changed, ONE) == changed


async def test_a_payload_cannot_be_passed_off_as_one_of_another_key() -> None:
    same = Key("two", ONE.secret)
    kept = await sealed(ONE)
    renamed = Payload(metadata={"encoding": ENCODING, KEY_ID: b"two"}, data=kept.data)
    assert await opened(renamed, same, ONE) == renamed


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 12, b"x" * 40])
async def test_garbage_in_the_dress_of_an_encrypted_payload_stops_nobody(data: bytes) -> None:
    for metadata in ({"encoding": ENCODING}, {"encoding": ENCODING, KEY_ID: b"one"}):
        garbage = Payload(metadata=metadata, data=data)
        assert await opened(garbage, ONE) == garbage


def failure_of(said: DataConverter, error: BaseException) -> Failure:
    failure = Failure()
    said.failure_converter.to_failure(error, said.payload_converter, failure)
    return failure


async def test_texts_and_stack_traces_of_failures_are_encrypted_and_read_again() -> None:
    said = converter([ONE])
    try:
        raise ValueError("invoice s-1-0001")
    except ValueError as error:
        failure = failure_of(said, error)
    assert b"s-1-0001" not in failure.message.encode() + failure.stack_trace.encode()
    await Codec([ONE]).encode_failure(failure)
    assert b"s-1-0001" not in failure.SerializeToString()
    assert b"test_encryption" not in failure.SerializeToString()
    assert "s-1-0001" in str(await said.decode_failure(failure))


async def test_that_a_key_is_missing_can_be_read_by_everybody() -> None:
    with pytest.raises(UnknownKey) as caught:
        await opened(await sealed(ONE), TWO)
    assert "under key 'one'" in failure_of(converter([TWO]), caught.value).message


def test_a_key_is_drawn_as_the_settings_take_it() -> None:
    first, second = new_key("2026-11"), new_key("2026-11")
    assert first != second
    (key,) = keys_of(Encryption(keys=first))
    assert (key.name, len(key.secret)) == ("2026-11", 32)
    with pytest.raises(ValueError, match="'A B' cannot name a key"):
        new_key("A B")


def test_keys_come_from_a_file_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{new_key('b')}\n{new_key('a')}\n")
    assert [key.name for key in keys_of(Encryption(keys_file=str(file)))] == ["b", "a"]
    file.write_text("\n")
    with pytest.raises(InvalidSettings, match="holds no key"):
        keys_of(Encryption(keys_file=str(file)))
    with pytest.raises(InvalidSettings, match="cannot be read"):
        keys_of(Encryption(keys_file=str(tmp_path / "missing")))
    with pytest.raises(InvalidSettings, match="both set"):
        keys_of(Encryption(keys=new_key("a"), keys_file=str(file)))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (new_key("a").removeprefix("a:"), "key 1: expected name:base64"),
        (new_key("a").removeprefix("a:") + ":a", "key 1: expected name:base64"),
        (f"{new_key('a')},b:not!base64", r"key 2 \(b\): what follows the name is no Base64"),
        (f"a:{BAD}", r"key 1 \(a\): 9 bytes; expected 32"),
        (f"{new_key('a')} {new_key('a')}", "key 2: a stands there twice"),
        (",".join(new_key(f"k{i}") for i in range(33)), "33 keys; expected at most 32"),
    ],
    ids=("no name", "name behind", "no Base64", "short", "twice", "too many"),  # keys are drawn, names of tests are not
)
def test_a_key_that_cannot_be_is_refused_and_never_shown(said: str, why: str) -> None:
    with pytest.raises(InvalidSettings, match=why) as caught:
        keys_of(Encryption(keys=said))
    for part in said.replace(",", ":").replace(" ", ":").split(":"):
        assert len(part) < 8 or part not in str(caught.value)


def test_keys_are_not_shown_with_the_settings() -> None:
    said = new_key("a")
    assert said not in repr(replace(Encryption(), keys=said))
    assert repr(keys_of(Encryption(keys=said))) == "(Key(name='a'),)"
