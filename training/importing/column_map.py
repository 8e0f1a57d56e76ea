"""Which column of a file stands for which column of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from training.importing.source_file import ImportRefusedError


def parse_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """The mapping of our column names to the file's. Raises ImportRefusedError for a pair that is not `ours=theirs`.

    >>> parse_mapping(["amount=Total paid", "customer_id=Customer"])
    {'amount': 'Total paid', 'customer_id': 'Customer'}
    """
    mapping = {}
    for pair in pairs:
        ours, sign, theirs = pair.partition("=")
        if not (sign and ours and theirs):
            raise ImportRefusedError(
                f"mapping {pair!r}: wanted <our column>=<the file's column>, such as amount=Total"
            )
        mapping[ours] = theirs
    return mapping


def resolve_columns(
    found: Sequence[str],
    required: Sequence[str],
    optional: Sequence[str],
    mapping: Mapping[str, str],
    option: str = "--map",
) -> dict[str, str]:
    """The file's column for each of ours that it has; one of the same name needs no mapping.

    Raises ImportRefusedError, with the names found and needed, when a required column is missing, when a mapped column is
    not in the file, or when a mapping is for a column we do not have.

    >>> resolve_columns(["customer_id", "Total"], ["customer_id", "amount"], ["discount"], {"amount": "Total"})
    {'customer_id': 'customer_id', 'amount': 'Total'}
    """
    wanted = [*required, *optional]
    names = {ours: mapping.get(ours, ours) for ours in wanted}
    faults = [f"{ours!r} is no column of ours" for ours in mapping if ours not in wanted]
    faults += [f"mapped column {theirs!r} is not in it" for theirs in mapping.values() if theirs not in found]
    absent = [ours for ours in required if names[ours] not in found and ours not in mapping]
    faults += [f"needed column {ours!r} is not in it" for ours in absent]
    if faults:
        raise ImportRefusedError(
            f"{'; '.join(faults)}. Found: {', '.join(found)}. Needed: {', '.join(required)}."
            f" Optional: {', '.join(optional)}. Name the file's column for one of ours with {option} OURS=THEIRS"
        )
    return {ours: theirs for ours, theirs in names.items() if theirs in found}
