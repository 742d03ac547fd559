"""The reference that is printed on invoices and mails, held against an independent reader of ISO 11649."""

from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from adapters.bank.creditor_reference import creditor_reference, printed

NUMBERS = st.text(alphabet="abcXYZ0189._-", min_size=1, max_size=116)


@given(NUMBERS)
def test_every_invoice_has_a_reference_that_banks_take(number: str) -> None:
    reference = creditor_reference(number)
    assert iso11649.validate(reference) == reference
    assert len(reference) == 20
    assert 2 <= int(reference[2:4]) <= 98


def test_a_reference_never_changes_because_it_is_printed_on_paper() -> None:
    assert creditor_reference("s-1-0001") == "RF26SYIGE57ZOD4P75PZ"
    assert printed("RF26SYIGE57ZOD4P75PZ") == "RF26 SYIG E57Z OD4P 75PZ"
    assert printed("rf26 syige57zod4p75pz") == "RF26 SYIG E57Z OD4P 75PZ"


def test_no_two_of_many_invoices_share_a_reference() -> None:
    assert len({creditor_reference(f"s-{n}-0001") for n in range(5000)}) == 5000
