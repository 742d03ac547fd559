"""Decrypt payloads for the Temporal UI and CLI: python -m api.codec. Needs the keys and a token: docs/security.md.

Exit status: 0 stopped, 1 could not serve, 2 the settings are invalid.
"""

from __future__ import annotations

import logging

from api.codec.app import app
from api.listening import kept, listening
from engine.encryption import Codec, keys_of
from engine.program import serve, told_to_stop
from settings import InvalidSettings, Settings

TOKEN_CHARACTERS = 16  # fewer can be guessed by trying


async def decode_for_people(said: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises InvalidSettings, OSError before anything is served."""
    keys = keys_of(said.encryption)
    if not keys:
        raise InvalidSettings("no encryption key is set, so there is nothing to decrypt; set PERENNIAL_ENCRYPTION_KEYS")
    if len(said.codec.token) < TOKEN_CHARACTERS:
        raise InvalidSettings(
            f"codec_token has fewer than {TOKEN_CHARACTERS} characters; it opens everything, so draw a long random one "
            "and set PERENNIAL_CODEC_TOKEN. Nothing was started."
        )
    stop = told_to_stop()
    origins = tuple(each.strip().rstrip("/") for each in said.codec.origins.split(",") if each.strip())
    served = app(Codec(keys), token=said.codec.token, origins=origins)
    async with listening(served, kept(said.codec.host, said.codec.port)) as url:
        names = ", ".join(key.name for key in keys)
        print(f"decrypting at {url} what is under {names}, for {', '.join(origins) or 'no web page'}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    serve(decode_for_people)
