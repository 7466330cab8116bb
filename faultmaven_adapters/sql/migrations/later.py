"""What later revisions of several modules have in common. It is history, like ``first``."""

import sqlalchemy as sa
from alembic import op


def count_deaths_and_outages(module: str) -> None:
    for name in ("deaths", "outages"):
        op.add_column(f"{module}_jobs", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
