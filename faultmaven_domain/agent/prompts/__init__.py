"""Prompts are text files beside this one, filled in with ``string.Template``."""

from functools import cache
from importlib.resources import files
from string import Template


@cache
def prompt(name: str) -> Template:
    """The template ``{name}.md``. Raises: FileNotFoundError."""
    return Template(files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8"))
