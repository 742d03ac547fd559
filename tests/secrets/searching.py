"""Looking for a secret in whatever dress it may stand somewhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

AROUND = 40  # bytes shown on either side of what was found


def dresses(secret: str) -> set[bytes]:
    """A secret as it would stand in a text, a URL, JSON, hexadecimal, or anywhere within something in Base64."""
    raw = secret.encode()
    found = {
        raw.lower(),
        secret.encode("utf-16-le").lower(),
        quote(secret).lower().encode(),
        quote_plus(secret).lower().encode(),
        json.dumps(secret)[1:-1].lower().encode(),
        raw.hex().encode(),
        secret.replace(" ", "").lower().encode(),
        secret.replace(" ", "_").lower().encode(),
    }
    for shift in range(3):  # where it begins within three bytes; what stands before and after it changes the edges
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * shift + raw)
            found.add(whole[(0, 2, 3)[shift] : -4].lower())
    return {each for each in found if len(each) >= 6}


def leaks(places: Mapping[str, bytes], secrets: Iterable[str]) -> dict[str, list[str]]:
    """By place: each secret that stands there, with what stands around it. Case does not count."""
    wanted = {secret: dresses(secret) for secret in secrets}
    found: dict[str, list[str]] = {}
    for place, content in places.items():
        low = content.lower()
        for secret, forms in wanted.items():
            at = max(low.find(form) for form in forms)
            if at >= 0:
                around = content[max(0, at - AROUND) : at + len(secret) + AROUND]
                found.setdefault(place, []).append(f"{secret}: {around!r}")
    return found
