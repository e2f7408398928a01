"""The first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

key = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "store",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_store"),
    )
    op.create_table(
        "applied",
        sa.Column("one", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("log", sa.LargeBinary, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_applied"),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )
    create_account()
    create_metric()
    create_profile()
    create_job()


def create_account() -> None:
    op.create_table(
        "account",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_account"),
        sa.UniqueConstraint("name", name="uq_account_name"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("revoked", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )
    op.create_index("ix_api_key_account", "api_key", ["account"])
    op.create_table(
        "api_key_use",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("last_used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_key_use"),
    )


def create_metric() -> None:
    op.create_table(
        "metric",
        sa.Column("key", key, nullable=False, autoincrement=False),
        sa.Column("id", sa.String(6), nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("integration_id", sa.String(6), nullable=False),
        sa.Column("has_value", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_metric"),
        sa.UniqueConstraint("account", "name", "service", name="uq_metric_account_name_service"),
        sa.UniqueConstraint("account", "id", name="uq_metric_account_id"),
    )


def create_profile() -> None:
    op.create_table(
        "profile",
        sa.Column("key", key, nullable=False, autoincrement=False),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("phone_number", sa.Text),
        sa.Column("external_id", sa.Text),
        sa.Column("anonymous_id", sa.Text),
        sa.Column("first_name", sa.Text),
        sa.Column("last_name", sa.Text),
        sa.Column("organization", sa.Text),
        sa.Column("locale", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("image", sa.Text),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("properties", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("suppressed", sa.BigInteger),
        sa.Column("list_suppressed", sa.BigInteger),
        sa.PrimaryKeyConstraint("key", name="pk_profile"),
        sa.UniqueConstraint("id", name="uq_profile_id"),
    )
    op.create_index("ix_profile_account_updated", "profile", ["account", "updated"])
    for name, columns, condition in (
        ("without_email", ["account"], "email IS NULL"),
        ("suppressed", ["account", "suppressed"], "suppressed IS NOT NULL"),
        ("list_suppressed", ["account", "list_suppressed"], "list_suppressed IS NOT NULL"),
    ):
        op.create_index(f"ix_profile_{name}", "profile", columns, sqlite_where=sa.text(condition))
    op.create_table(
        "identifier",
        sa.Column("account", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("profile", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "value", name="pk_identifier"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "secondary_identifier",
        sa.Column("account", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("profile", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "value", name="pk_secondary_identifier"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_secondary_identifier_account_profile", "secondary_identifier", ["account", "profile"])
    op.create_table(
        "merged_profile",
        sa.Column("account", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("into", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account", "number", name="pk_merged_profile"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_merged_profile_account_into", "merged_profile", ["account", "into"])


def create_job() -> None:
    op.create_table(
        "job",
        sa.Column("account", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("completed", sa.BigInteger),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("completed_count", sa.Integer, nullable=False),
        sa.Column("failed_count", sa.Integer, nullable=False),
        sa.Column("skipped_count", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account", "number", name="pk_job"),
        sa.UniqueConstraint("account", "id", name="uq_job_account_id"),
    )
