from __future__ import annotations

import pytest

from eventkeep.http.compression import accepts_gzip


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, br", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.5", True),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=1.0", True),
        ("gzip;q=2", False),
        ("gzip;q=", False),
        (",, gzip ,", True),
        ("gzip\x00", False),
    ],
)
def test_client_gets_what_it_accepts(accepted: str, wanted: bool) -> None:
    assert accepts_gzip(accepted) is wanted
