"""The queue of features that are out of date."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """To this revision, data kept."""
    op.create_table(
        "stale_features",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.String(length=128), nullable=False),
        sa.Column("cause", sa.String(length=8), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("stale_features", schema=None) as batch_op:
        batch_op.create_index("stale_features_by_customer", ["customer_id"], unique=False)
        batch_op.create_index("stale_features_by_due", ["cause", "due_at"], unique=False)
