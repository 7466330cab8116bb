"""The ports that live in Redis, and a private redis-server for those who run none.

Nothing is imported here: each of these files is named by whoever needs it, and the vendor is loaded then.
"""

__all__: list[str] = []
