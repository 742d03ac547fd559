"""A program as it serves in production, with everything turned up that an operator can turn up.

    python -m tests.secrets.serving worker 127.0.0.1:9464     the worker, its SDK's metrics at that address
    python -m tests.secrets.serving api                       the doors

Not meant for anything but the tests of this folder.
"""

from __future__ import annotations

import logging
import sys

from temporalio.runtime import LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig, TelemetryFilter

from api.__main__ import listen
from engine.program import serve
from worker import work


def main(program: str, *metrics_at: str) -> None:
    logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s", stream=sys.stdout)
    Runtime.set_default(
        Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(filter=TelemetryFilter(core_level="DEBUG", other_level="INFO")),
                metrics=PrometheusConfig(bind_address=metrics_at[0]) if metrics_at else None,
            )
        )
    )
    serve(work if program == "worker" else listen)


if __name__ == "__main__":
    main(*sys.argv[1:])
