"""What an import says at its end."""

from __future__ import annotations

from eventkeep.importer.sending import Counts


def print_summary(counts: Counts, seconds: float) -> None:
    """On standard output, so that it can be kept apart from the progress."""

    def told(number: int | None) -> str:
        return "not told" if number is None else f"{number:,}"

    print(f"events sent      {counts.sent:,} in {counts.requests:,} requests")
    print(f"events stored    {told(counts.stored)}")
    print(f"events repeated  {told(counts.repeated)}")
    if counts.tries_repeated:
        print(f"tries repeated   {counts.tries_repeated:,}")
    print(f"seconds          {seconds:.1f}")
    print(f"events/s         {counts.sent / max(seconds, 1e-9):,.0f}")
