"""Suppressions of profiles in every order of their pages.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None

SINCE = "json_extract(consent, '$.suppressions.{}.since')"
ENDED = "json_extract(consent, '$.suppressions.{}.ended')"
PERMISSION = "json_extract(consent, '$.permissions.\"email.marketing\".{}')"
REASONS = {
    **{
        reason.lower(): (f"{SINCE.format(reason)} >= coalesce({ENDED.format(reason)}, 0)", SINCE.format(reason))
        for reason in ("HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "USER_SUPPRESSED")
    },
    "unsubscribe": (f"{PERMISSION.format('subscribed')} = 0", PERMISSION.format("time")),
}
LISTS = "json_extract(consent, '$.list_suppressions')"
END = "'\":{'"
ORDERS = ("key", "updated", "email", "suppressed", "list_suppressed")


def execute(sql: str) -> None:
    """Execute a statement; a colon in it begins no parameter."""
    op.get_bind().exec_driver_sql(sql)


def upgrade() -> None:
    reasons = sorted(REASONS)
    for reason in reasons:
        holds, since = REASONS[reason]
        value = f"CASE WHEN suppressed IS NOT NULL AND {holds} THEN {since} END"
        execute(f"ALTER TABLE profile ADD COLUMN {reason} BIGINT GENERATED ALWAYS AS ({value}) VIRTUAL")
    since = ", ".join(f"coalesce({reason}, {2**62})" for reason in reasons)
    value = f"CASE WHEN suppressed IS NOT NULL THEN min({since}) END"
    execute(f"ALTER TABLE profile ADD COLUMN first_suppressed BIGINT GENERATED ALWAYS AS ({value}) VIRTUAL")
    is_one = f"length({LISTS}) - length(replace({LISTS}, {END}, '')) = 3"
    value = f"CASE WHEN list_suppressed IS NOT NULL AND {is_one} THEN substr({LISTS}, 2, instr({LISTS}, {END}) - 1) END"
    execute(f"ALTER TABLE profile ADD COLUMN only_list TEXT GENERATED ALWAYS AS ({value}) VIRTUAL")
    execute("DROP INDEX ix_profile_suppressed")
    execute("DROP INDEX ix_profile_list_suppressed")
    for reason in reasons:
        execute(
            f"CREATE INDEX ix_profile_{reason}_by_{reason} ON profile (account, {reason}) WHERE {reason} IS NOT NULL"
        )
    others = ["list_suppressed", "only_list"]
    looked_at = {"suppressed": ["suppressed", "first_suppressed", *reasons, *others], "list_suppressed": others}
    for some, columns in looked_at.items():
        for order in ORDERS:
            names = ", ".join(dict.fromkeys(("account", order, "key", "updated", *columns)))
            execute(f"CREATE INDEX ix_profile_{some}_by_{order} ON profile ({names}) WHERE {some} IS NOT NULL")
