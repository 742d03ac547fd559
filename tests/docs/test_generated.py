"""The tables of docs/ say what the code says, and every word of the policy language has a meaning there."""

import pytest
from pydantic import BaseModel

from docs import generate
from policies import model

MODELS = [
    kind
    for kind in vars(model).values()
    if isinstance(kind, type) and issubclass(kind, model.Said) and kind is not model.Said
]


def test_no_table_is_stale() -> None:
    assert generate.stale(write=False) == [], "run python -m docs.generate"


@pytest.mark.parametrize("kind", generate.TABLED, ids=lambda kind: kind.__name__)
def test_every_key_has_a_meaning(kind: type[BaseModel]) -> None:
    silent = [n for n, f in kind.model_fields.items() if not f.description and (kind, n) not in generate.MEANINGS]
    assert silent == [], f"say in docs/generate.py or policies/model.py what {kind.__name__}.{silent[0]} means"


def test_every_meaning_is_of_a_key_that_says_nothing_itself() -> None:
    for (kind, name), meaning in generate.MEANINGS.items():
        field = kind.model_fields[name]
        assert not field.description, f"{kind.__name__}.{name} has two meanings: {field.description!r}, {meaning!r}"


def test_every_object_of_the_language_is_on_the_page() -> None:
    shown = {*generate.TABLED, model.PolicyFile}
    page = (generate.HERE / "policies.md").read_text(encoding="utf-8")
    for kind in MODELS:
        if kind not in shown:
            missing = [f.alias or n for n, f in kind.model_fields.items() if f"`{f.alias or n}`" not in page]
            assert missing == [], f"{kind.__name__}: {missing} stand nowhere in docs/policies.md"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="generated: bill"):
        generate.renewed("no marks here", "bill", "| a table |")


def test_a_stale_table_is_found_and_replaced() -> None:
    page = "before\n<!-- generated: bill -->\n| old |\n<!-- end -->\nafter"
    fresh = generate.renewed(page, "bill", "| new |")
    assert fresh == "before\n<!-- generated: bill -->\n| new |\n<!-- end -->\nafter"
