from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """FaultMaven's own version; ``0`` where it runs from a folder that was never installed."""
    try:
        return version("faultmaven")
    except PackageNotFoundError:
        return "0"
