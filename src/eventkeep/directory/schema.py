"""The directory's tables, as the newest migration leaves them.

Every table's numbers are the directory's own and never leave the program; ``id``
columns are what the world sees. A test holds that the migrations end in this shape.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_REVISION: Final = "0001"
"""The newest migration. A directory that says so is opened without asking Alembic."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Number = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit number; SQLite numbers its rows itself only where the type says INTEGER."""

store = Table(
    "store",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What the directory knows of itself: ``secret`` (32 random bytes as hex), ``format``."""

account = Table(
    "account",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Integer, ForeignKey("account.number"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger),
    Column("revoked", BigInteger),
    Index(None, "account"),
)
"""``digest`` is the SHA-256 of the whole key; the key itself is nowhere. Times in microseconds."""

metric = Table(
    "metric",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(6), nullable=False),
    Column("account", Integer, ForeignKey("account.number"), nullable=False),
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("integration_id", String(6), nullable=False),
    Column("has_value", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("account", "name", "service"),
    UniqueConstraint("account", "id"),
)

profile = Table(
    "profile",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("id", String(26), nullable=False, unique=True),
    Column("account", Integer, ForeignKey("account.number"), nullable=False),
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
    Index(None, "account", "number"),
)
"""``location`` and ``properties`` are JSON objects, each key in the order it was first set."""

identifier = Table(
    "identifier",
    metadata,
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("profile", Number, ForeignKey("profile.number"), nullable=False),
    sqlite_with_rowid=False,
)
"""Which profile an identifier means; a profile may have several of one kind."""
