"""What later revisions of several modules have in common. It is history, like ``first``."""

import sqlalchemy as sa
from alembic import op


def count_deaths(module: str) -> None:
    op.add_column(f"{module}_jobs", sa.Column("deaths", sa.BigInteger(), nullable=False, server_default="0"))
