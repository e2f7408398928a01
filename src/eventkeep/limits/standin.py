"""The controls of the stand-in, and cassettes."""

from __future__ import annotations

from typing import Final

# Faults and clocks.
FAULT_RULES_MAX: Final = 1_000
"""Fault rules of one account."""
FAULT_TEXT_CHARACTERS_MAX: Final = 1_000
"""Characters of a text in a condition of a fault rule."""
FAULT_DELAY_SECONDS_MAX: Final = 120.0
"""The longest latency that a fault rule adds, in seconds."""
CLOCK_RATE_MAX: Final = 1_000_000.0
"""The highest speed of a controlled clock, as a multiple of the system's clock."""
CLOCK_SECONDS_MAX_CONTROLLED: Final = 32_503_680_000.0
"""The latest time that a controlled clock shows, in Unix seconds: the year 3000."""

# Seeds.
SEED_ACCOUNTS_MAX: Final = 1_000
"""Accounts of a seed file."""
SEED_CUSTOMERS_MAX: Final = 1_000_000
"""Customers that a seed generates for one account."""
SEED_DAYS_MAX: Final = 3_650
"""Days over which a seed spreads generated events."""
SEED_EVENTS_MAX: Final = 10_000_000
"""Events that a seed makes for one account."""
SEED_DUMPED_MAX: Final = 100_000
"""Events, and profiles, of an account that can be dumped as a seed."""

# Journals, webhooks and cassettes.
JOURNAL_ENTRIES_MAX: Final = 1_000
"""Requests in the journal of one account."""
JOURNAL_BYTES_MAX: Final = 4_000_000
"""Bytes that the journal of one account takes, approximately."""
JOURNAL_BODY_BYTES_MAX: Final = 10_000
"""Bytes of a request's or response's body that the journal keeps."""
WEBHOOKS_MAX: Final = 10
"""Webhooks of one account, as at the hosted service."""
WEBHOOKS_WAITING_MAX: Final = 10_000
"""Deliveries to webhooks that wait; further events are not delivered."""
CASSETTE_EXCHANGES_MAX: Final = 100_000
"""Exchanges of one cassette."""
CASSETTE_UPSTREAM_SECONDS_MAX: Final = 60.0
"""Seconds that a recorder waits for the server that it forwards to."""
