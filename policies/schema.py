"""The editors' JSON schema of the policy language, made from the model.

python -m policies.schema            write policies/policy.schema.json
python -m policies.schema --check    exit 1 where the file is not what the model says
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from policies.model import PolicyFile

FILE = Path(__file__).with_name("policy.schema.json")


def schema() -> str:
    """The schema as the file holds it."""
    made = PolicyFile.model_json_schema(by_alias=True)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the file; gives the exit status."""
    if arguments == ["--check"]:
        fresh = FILE.exists() and FILE.read_text(encoding="utf-8") == schema()
        print("policy.schema.json is fresh" if fresh else "policy.schema.json is stale: run python -m policies.schema")
        return 0 if fresh else 1
    FILE.write_text(schema(), encoding="utf-8")
    print(f"{FILE.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
