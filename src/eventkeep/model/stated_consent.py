"""Consent that created events state: an imported "Unsubscribed from Email Marketing" unsubscribes, as a job does."""

from __future__ import annotations

import msgspec
import numpy as np

from eventkeep.model.consent import NOTHING, joined
from eventkeep.model.consent_metrics import CONSENT_METRICS, stated_by
from eventkeep.model.event import decode_properties
from eventkeep.model.submission import Submission

_MICROSECONDS = 1_000_000


def with_statements(submission: Submission) -> Submission:
    """The submission, in which the writes of profiles state the consent that their events state.

    Statements are joined, so that neither their order matters nor that one comes twice: a duplicate is no other case.
    """
    stating = [place for place, (name, _) in enumerate(submission.metrics) if name in CONSENT_METRICS]
    if not stating:
        return submission
    metrics, writes = submission.numbers["metric_index"], submission.numbers["profile_index"]
    properties = submission.texts["properties"]
    offsets = properties.offsets().tolist()
    profiles = list(submission.profiles)
    for place in np.flatnonzero(np.isin(metrics, stating)).tolist():
        name, _ = submission.metrics[int(metrics[place])]
        members = decode_properties(properties.joined[offsets[place] : offsets[place + 1]])
        statement = stated_by(name, int(submission.numbers["time"][place]) * _MICROSECONDS, members)
        if statement is not None:
            write = profiles[int(writes[place])]
            # The notes about the write do not hold for one that states something.
            profiles[int(writes[place])] = msgspec.structs.replace(
                write, consent=joined(write.consent or NOTHING, statement), only_identifier=None, digest=b""
            )
    return msgspec.structs.replace(submission, profiles=profiles)
