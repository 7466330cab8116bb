from typing import Any


class Refusing:
    """Transactions over a store that meets whatever it is told to."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def view(self) -> Any:
        raise self.error

    begin = view
