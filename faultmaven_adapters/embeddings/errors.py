"""What can go wrong with a model's files; both are told at the start, with the mend."""

from faultmaven_domain.kernel.errors import Misconfigured, Unavailable


class ModelUnusable(Misconfigured):
    """The embedding model's files cannot be used."""


class ModelNotFetched(Unavailable):
    """The embedding model could not be fetched."""
