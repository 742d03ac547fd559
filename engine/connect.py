"""Connect to Temporal the way its own tools do, with the converter that every party here must share."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from engine.encryption import converter, keys_of
from settings import Encryption

PLAIN = Encryption()


class Unreachable(Exception):
    """Temporal cannot be reached; says where it was looked for and what to do."""


async def connect(
    address: str | None = None, namespace: str | None = None, *, encryption: Encryption = PLAIN
) -> Client:
    """A client: at `address` where one is given, else wherever Temporal's environment configuration says.

    Raises Unreachable, and InvalidSettings for keys that cannot be. Nothing was sent and no money moved.
    """
    data_converter = converter(keys_of(encryption))
    config = dict(ClientConfig.load_client_connect_config())
    if address:
        config["target_host"] = address
    if namespace:
        config["namespace"] = namespace
    config.setdefault("target_host", "localhost:7233")
    try:
        return await Client.connect(**config, data_converter=data_converter)  # type: ignore[arg-type]
    except (RPCError, RuntimeError) as error:
        raise Unreachable(
            f"Temporal at {config['target_host']} cannot be reached: {error}. Nothing was sent. Start it (`make run`), "
            "or set TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and, for Temporal Cloud, TEMPORAL_API_KEY."
        ) from None
