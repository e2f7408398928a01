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

number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "store",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_store"),
    )
    op.create_table(
        "account",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_account"),
        sa.UniqueConstraint("name", name="uq_account_name"),
    )
    create_api_key()
    create_metric()
    create_profile()


def create_api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("last_used", sa.BigInteger),
        sa.Column("revoked", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.ForeignKeyConstraint(["account"], ["account.number"], name="fk_api_key_account"),
    )
    op.create_index("ix_api_key_account", "api_key", ["account"])


def create_metric() -> None:
    op.create_table(
        "metric",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String(6), nullable=False),
        sa.Column("account", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("integration_id", sa.String(6), nullable=False),
        sa.Column("has_value", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_metric"),
        sa.ForeignKeyConstraint(["account"], ["account.number"], name="fk_metric_account"),
        sa.UniqueConstraint("account", "name", "service", name="uq_metric_account_name_service"),
        sa.UniqueConstraint("account", "id", name="uq_metric_account_id"),
    )


def create_profile() -> None:
    op.create_table(
        "profile",
        sa.Column("number", number, nullable=False, autoincrement=False),
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
        sa.PrimaryKeyConstraint("number", name="pk_profile"),
        sa.ForeignKeyConstraint(["account"], ["account.number"], name="fk_profile_account"),
        sa.UniqueConstraint("id", name="uq_profile_id"),
    )
    op.create_index("ix_profile_account_number", "profile", ["account", "number"])
    op.create_table(
        "identifier",
        sa.Column("account", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("profile", number, nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "value", name="pk_identifier"),
        sa.ForeignKeyConstraint(["profile"], ["profile.number"], name="fk_identifier_profile"),
        sqlite_with_rowid=False,
    )
