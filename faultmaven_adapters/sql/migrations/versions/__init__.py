"""One file per revision, named by its module."""
