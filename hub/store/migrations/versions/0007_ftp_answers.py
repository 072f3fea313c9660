"""A ride keeps the FTP that its rider had, and the FTP test's proposal that was turned down."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# What a ride of before is measured by is the best that is known of it.
HAD = """
    UPDATE activities SET record = CAST(json_set(CAST(record AS TEXT), '$.rider_ftp_w',
        json_extract(CAST(record AS TEXT), '$.ftp_w')) AS BLOB)
    WHERE json_valid(CAST(record AS TEXT))
        AND NOT coalesce(json_extract(CAST(record AS TEXT), '$.ftp_assumed'), 0)
"""


def upgrade() -> None:
    op.add_column("activities", sa.Column("declined_ftp_w", sa.Integer()))
    op.get_bind().exec_driver_sql(HAD)
