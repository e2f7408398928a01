"""The changes of records that are in the log, or on their way there, and not applied yet."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from eventkeep.directory.settled_writes import WriteKey
from eventkeep.model.identity_resolution import Owned
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile

NOBODY: Final = 0
"""Stands for the owner of an identifier that has none any more; numbers of profiles begin with 1."""
MetricName = tuple[int, str, str]
"""The identity of a metric: account, name, service."""


class Pending(msgspec.Struct):
    """The state after one commit, as far as it differs from the one before.

    ``owners`` has the profile's number by account, and by kind and value of an identifier, ids of profiles under the
    kind ``id``; ``profiles`` are by `eventkeep.directory.schema.key_of`. ``settled`` are the writes that change nothing
    more once the commit is applied, with the keys of their profiles. ``before`` is the commit before, while that is not
    applied either. A commit that is resolved reads its own Pending, then ``before``, then the applied state.
    """

    before: Pending | None = None
    owners: dict[int, dict[Owned, int]] = {}
    profiles: dict[int, Profile] = {}
    metrics: dict[MetricName, Metric] = {}
    settled: dict[WriteKey, int] = {}

    def owners_of(self, account: int, identifiers: Collection[Owned]) -> list[int | None]:
        """Of each identifier the profile's number, NOBODY if a pending commit released it, None if none touched it."""
        found: list[int | None] = [None] * len(identifiers)
        layer: Pending | None = self
        while layer is not None:
            if owners := layer.owners.get(account):
                older = map(owners.get, identifiers)
                found = [then if newer is None else newer for newer, then in zip(found, older, strict=True)]
            layer = layer.before
        return found

    @property
    def changes_profiles(self) -> bool:
        """Whether a pending commit changes any profile."""
        return bool(self.profiles) or (self.before is not None and self.before.changes_profiles)

    def profile(self, key: int) -> Profile | None:
        """The profile, or None if no pending commit changes it."""
        layer: Pending | None = self
        while layer is not None:
            if (found := layer.profiles.get(key)) is not None:
                return found
            layer = layer.before
        return None

    def metric(self, name: MetricName) -> Metric | None:
        """The metric, or None if no pending commit makes or changes it."""
        layer: Pending | None = self
        while layer is not None:
            if (found := layer.metrics.get(name)) is not None:
                return found
            layer = layer.before
        return None

    def new_metrics(self, account: int) -> list[Metric]:
        """The metrics of the account that pending commits make or change, each once."""
        found: dict[int, Metric] = {}
        layer: Pending | None = self
        while layer is not None:
            for each in layer.metrics.values():
                if each.account == account:
                    found.setdefault(each.number, each)
            layer = layer.before
        return list(found.values())
