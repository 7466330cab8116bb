"""Speed and memory, measured side by side with a limit in the same run: ``nox -s bench``."""
