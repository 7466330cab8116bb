"""Run by Alembic for one module, within the transaction that :mod:`faultmaven_adapters.sql.migrate` has begun."""

from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"],
    target_metadata=given["metadata"],
    version_table=given["version_table"],
    on_version_apply=given["on_version_apply"],
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
