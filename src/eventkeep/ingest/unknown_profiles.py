"""The profile writes of a batch that the directory has to resolve, and those that need not be resolved again."""

from __future__ import annotations

from collections.abc import Container, Sequence

from eventkeep.directory.schema import key_of
from eventkeep.directory.settled_writes import WriteKey
from eventkeep.model.identity_resolution import Applied
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.submission import Submission


class UnknownProfiles:
    """The profile writes of a request that memory alone can't resolve.

    ``numbers`` has a profile's number for each write of the request, or None.
    """

    def __init__(self, submission: Submission, numbers: list[int | None]) -> None:
        self._numbers = numbers
        self.writes = [write for write, number in zip(submission.profiles, numbers, strict=True) if number is None]
        self.pointers = [
            pointer for pointer, number in zip(submission.pointers, numbers, strict=False) if number is None
        ]

    def applied(self, made: Applied) -> Applied:
        """The outcome of all writes of the request, from that of these."""
        found = iter(made.numbers)
        return Applied([next(found) if number is None else number for number in self._numbers], made.left)


class SettledNotes:
    """Which of a batch's writes change nothing if they come again."""

    def __init__(self, account: int) -> None:
        self._account = account
        self._digests: list[bytes] = []
        self._numbers: list[int] = []

    def take(self, writes: Sequence[ProfileWrite], applied: Applied) -> None:
        """Writes that were applied. If identifiers stayed with another profile, each response has to name them."""
        for write, number in zip(writes, applied.numbers, strict=True):
            if write.only_identifier is None:
                self._digests.append(b"" if applied.left else write.digest)
                self._numbers.append(number)

    def settled(self, changed: Container[int]) -> dict[WriteKey, int]:
        """The writes with the keys of their profiles. ``changed`` has the profiles that the batch changes.

        If two different writes changed a profile, the first one may change it again.
        """
        digests: dict[int, bytes] = {}
        for digest, number in zip(self._digests, self._numbers, strict=True):
            if digests.setdefault(number, digest) != digest and number in changed:
                digests[number] = b""
        account, first = self._account, key_of(self._account, 0)
        return {
            (account, digest): first + number
            for digest, number in zip(self._digests, self._numbers, strict=True)
            if digest and (digests[number] == digest or number not in changed)
        }
