"""The order of rows within a second: it does not depend on the ids of events, so that every server has the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from eventkeep.native import row_writer
from eventkeep.native.row_writer import Texts


def order_within_seconds(
    times: npt.NDArray[np.int64], ranks: npt.NDArray[np.uint32], unique_ids: Texts, identities: Texts
) -> npt.NDArray[np.intp]:
    """The places of rows (shape [n]) whose events of one second, which are neighbours, are sorted.

    They are sorted by the rank of their metric, their unique id, and the identifiers of their profile, each of shape
    [n]; those that have the same of all stay as they are.
    """
    if row_writer.is_built():
        return row_writer.order_within_seconds(times, ranks, unique_ids, identities)
    second_of = np.cumsum(np.diff(times, prepend=times[:1]) != 0)
    keys = zip(
        second_of.tolist(), ranks.tolist(), unique_ids.listed(), identities.listed(), range(len(times)), strict=True
    )
    return np.array([key[-1] for key in sorted(keys)], dtype=np.intp)
