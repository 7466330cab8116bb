"""The schemas' history, read by Alembic. One branch per module, each with a version table of its own.

A revision is written by hand as ``versions/<module>_<number>.py``; a test compares where the history ends with the
tables that the repositories are written for. There is no way back: a copy made before is the way to an older version.
"""
