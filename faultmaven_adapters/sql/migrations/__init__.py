"""The schemas' history, read by Alembic. One branch per module, each with a version table of its own."""
