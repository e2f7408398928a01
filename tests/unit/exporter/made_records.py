from __future__ import annotations

from typing import Any

import msgspec

from eventkeep.exporter.records import Metric, Profile, Record


def record(unique_id: str = "1", time: int = 1_709_287_200, **changes: Any) -> Record:
    """A record with default values, except for the given ones."""
    made = Record(
        id="0fE4gDwzo5i1fFnAA",
        uuid="ca93e000-2b0e-11ef-8001-c21d956ecb52",
        time=time,
        metric=Metric("W83q5U", "Placed Order"),
        profile=Profile("01M83JWZ4NCA39HJZ12A6Y92GH", external_id="7", first_name="Ada"),
        unique_id=unique_id,
        value=9.5,
        value_currency="EUR",
        properties=b'{"note":"two, \\"cups\\"\\n","n":1.50}',
    )
    return msgspec.structs.replace(made, **changes)
