"""The directory's tables, as the newest migration leaves them.

Every table's numbers are the directory's own and never leave the program; clients see the ``id`` columns. Numbers
of profiles and metrics count within their account; ``key`` is account and number in one, so that a table is ordered by
account and number without an index of its own. A test holds that the migrations end in this shape.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA_REVISION: Final = "0003"
"""The newest migration. A directory that says so is opened without asking Alembic."""
NUMBER_BITS: Final = 32
NUMBER_MASK: Final = 0xFFFFFFFF

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Key = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key; SQLite orders a table by it only if the type says INTEGER."""

store = Table(
    "store",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Facts about the directory itself, ``format`` for example; no record of the log changes them."""

applied = Table(
    "applied",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("log", LargeBinary, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("time", BigInteger, nullable=False),
)
"""The one row says how far the directory has followed the log: identity of the log, and the last record's position,
checksum (8 bytes, little-endian) and time in Unix microseconds."""

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Values that all nodes share: ``secret`` (32 random bytes as hex), for example."""

account = Table(
    "account",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
)

account_setting = Table(
    "account_setting",
    metadata,
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Settings of an account that differ from the defaults, each a JSON text."""

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Index(None, "account"),
)
"""``digest`` is the SHA-256 of the whole key; the key itself is nowhere. Times in microseconds."""

api_key_use = Table(
    "api_key_use",
    metadata,
    Column("id", Text, primary_key=True),
    Column("last_used", BigInteger, nullable=False),
)
"""When a key was last used on this machine, in microseconds; no record of the log changes it."""

metric = Table(
    "metric",
    metadata,
    Column("key", Key, primary_key=True, autoincrement=False),
    Column("id", String(6), nullable=False),
    Column("account", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("integration_id", String(6), nullable=False),
    Column("has_value", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("account", "name", "service"),
    UniqueConstraint("account", "id"),
)

PROFILE_ORDERS: Final = ("key", "updated", "email", "suppressed", "list_suppressed")
"""The columns that order pages of profiles."""
TIME_MAX: Final = 2**62
"""Microseconds after every time."""
REASONS: Final = ("hard_bounce", "invalid_email", "spam_complaint", "unsubscribe", "user_suppressed")
"""The columns with the time since when a suppression of email marketing holds, by its reason; NULL if it does not."""


def held_since(reason: str) -> Computed:
    """A column of REASONS, made of ``consent``. Only the indexes hold it."""
    if reason == "unsubscribe":
        permission = '$.permissions."email.marketing"'
        since = f"json_extract(consent, '{permission}.time')"
        holds = f"json_extract(consent, '{permission}.subscribed') = 0"
    else:
        since = f"json_extract(consent, '$.suppressions.{reason.upper()}.since')"
        holds = f"{since} >= coalesce(json_extract(consent, '$.suppressions.{reason.upper()}.ended'), 0)"
    return Computed(f"CASE WHEN suppressed IS NOT NULL AND {holds} THEN {since} END", persisted=False)


def first_suppressed() -> Computed:
    """The time of the oldest suppression of email marketing that holds, as ``suppressed`` is that of the newest."""
    since = ", ".join(f"coalesce({reason}, {TIME_MAX})" for reason in REASONS)
    return Computed(f"CASE WHEN suppressed IS NOT NULL THEN min({since}) END", persisted=False)


def only_list() -> Computed:
    """The list of the suppressions of single lists, as JSON, if there is one alone; NULL if there are several."""
    lists, end = "json_extract(consent, '$.list_suppressions')", "'\":{'"
    is_one = f"length({lists}) - length(replace({lists}, {end}, '')) = 3"
    return Computed(
        f"CASE WHEN list_suppressed IS NOT NULL AND {is_one} THEN substr({lists}, 2, instr({lists}, {end}) - 1) END",
        persisted=False,
    )


def suppression_indexes() -> list[Index]:
    """The profiles that have some suppression: by its time for each reason, and in every order.

    Those of an order have all columns that filters look at, so that a page reads nothing of the table but its own
    profiles, however few of the others fulfil the filter.
    """
    by_time = [
        Index(suppression_index(reason, reason), "account", reason, sqlite_where=text(f"{reason} IS NOT NULL"))
        for reason in REASONS
    ]
    others = ("list_suppressed", "only_list")
    looked_at = {"suppressed": ("suppressed", "first_suppressed", *REASONS, *others), "list_suppressed": others}
    return by_time + [
        Index(
            suppression_index(some, order),
            *dict.fromkeys(("account", order, "key", "updated", *columns)),
            sqlite_where=text(f"{some} IS NOT NULL"),
        )
        for some, columns in looked_at.items()
        for order in PROFILE_ORDERS
    ]


def suppression_index(some: str, order: str) -> str:
    """The name of the index of the profiles that have a value in the column ``some``."""
    return f"ix_profile_{some}_by_{order}"


profile = Table(
    "profile",
    metadata,
    Column("key", Key, primary_key=True, autoincrement=False),
    Column("id", String(26), nullable=False, unique=True),
    Column("account", Integer, nullable=False),
    Column("email", Text),
    Column("phone_number", Text),
    Column("external_id", Text),
    Column("anonymous_id", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("organization", Text),
    Column("locale", Text),
    Column("title", Text),
    Column("image", Text),
    Column("location", Text, nullable=False),
    Column("properties", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("consent", Text, nullable=False),
    Column("suppressed", BigInteger),
    Column("list_suppressed", BigInteger),
    *(Column(reason, BigInteger, held_since(reason)) for reason in REASONS),
    Column("first_suppressed", BigInteger, first_suppressed()),
    Column("only_list", Text, only_list()),
    Index(None, "account", "updated"),
    Index("ix_profile_without_email", "account", sqlite_where=text("email IS NULL")),
    *suppression_indexes(),
)
"""``location``, ``properties`` and ``consent`` are JSON objects, each key in the order it was first set.

``suppressed`` is the time of the newest suppression of email marketing that holds, ``list_suppressed`` of the newest
one of a single list, in Unix microseconds. The indexes are those that pages of profiles are read by; profiles with an
email address are found in its order by their identifiers.
"""
STORED_PROFILE: Final = tuple(column for column in profile.columns if column.computed is None)
"""The columns of a profile that are not computed from others."""

identifier = Table(
    "identifier",
    metadata,
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("profile", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Which profile, by its number, an identifier means; a profile may have several of one kind."""

secondary_identifier = Table(
    "secondary_identifier",
    metadata,
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("profile", Integer, nullable=False),
    Index(None, "account", "profile"),
    sqlite_with_rowid=False,
)
"""The identifiers that a profile has without showing them in an attribute: with it, all of a profile's are known."""

merged_profile = Table(
    "merged_profile",
    metadata,
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("into", Integer, nullable=False),
    Index(None, "account", "into"),
    sqlite_with_rowid=False,
)
"""Profiles that were merged into another one, by number. ``into`` is the survivor, which is not merged itself."""


job = Table(
    "job",
    metadata,
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String(26), nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("completed", BigInteger),
    Column("total", Integer, nullable=False),
    Column("completed_count", Integer, nullable=False),
    Column("failed_count", Integer, nullable=False),
    Column("skipped_count", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("account", "id"),
)
"""Jobs of an account, see `eventkeep.model.job.Job`. ``content`` is a JobContent in msgpack."""


def key_of(account: int, number: int) -> int:
    """Account and number as one key."""
    return account << NUMBER_BITS | number


def number_of(key: int) -> int:
    """The number in a key."""
    return key & NUMBER_MASK
