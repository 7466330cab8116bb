"""What a service can be asked, as JSON: its public methods, and how their arguments and results are written down.

Both ends use this: who calls and who answers. Values survive the way there and back, whatever attrs class they are.
"""

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_type_hints

from attrs import frozen
from cattrs import BaseValidationError, StructureHandlerNotFoundError
from cattrs.preconf.json import make_converter

#: What cattrs raises for a value that does not fit its type.
_MISFITS = (BaseValidationError, StructureHandlerNotFoundError, ValueError, TypeError, KeyError, AttributeError)


class Misfit(ValueError):
    """What came over the wire is not what the method takes or gives."""


@frozen
class Method:
    """A use-case: the type of each keyword, which of them must be given, and the type of the result."""

    name: str
    takes: Mapping[str, Any]
    required: frozenset[str]
    gives: Any

    def arguments_out(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """Raises: TypeError as the method itself would, for a keyword it does not take or one that is missing."""
        self._check(arguments)
        return {name: _converter.unstructure(value, self.takes[name]) for name, value in arguments.items()}

    def arguments_in(self, arguments: object) -> dict[str, object]:
        """Raises: Misfit."""
        if not isinstance(arguments, dict):
            raise Misfit(f"{self.name}() takes an object of its keywords.")
        try:
            self._check(arguments)
            return {name: _converter.structure(value, self.takes[name]) for name, value in arguments.items()}
        except _MISFITS as error:
            raise Misfit(f"{self.name}() does not take these arguments.") from error

    def result_out(self, result: object) -> object:
        return _converter.unstructure(result, self.gives)

    def result_in(self, result: object) -> object:
        """Raises: Misfit."""
        try:
            return _converter.structure(result, self.gives)
        except _MISFITS as error:
            raise Misfit(f"{self.name}() does not give this result.") from error

    def _check(self, given: Mapping[str, object]) -> None:
        unknown, missing = given.keys() - self.takes.keys(), self.required - given.keys()
        if unknown or missing:
            raise TypeError(f"{self.name}() got the keywords {sorted(given)}; it takes {sorted(self.takes)}")


Face = Mapping[str, Method]


def face_of(service: type) -> Face:
    """A service's public methods by their names. Raises: TypeError for one that could not be called from afar."""
    methods = inspect.getmembers_static(service, inspect.isfunction)
    return {name: _method(name, function) for name, function in methods if not name.startswith("_")}


def module_of(service: type) -> str:
    """The module a service is the face of: ``auth`` for ``faultmaven_domain.auth.service.AuthService``."""
    return service.__module__.split(".")[1]


def _method(name: str, function: Any) -> Method:
    hints = get_type_hints(function)
    _, *parameters = inspect.signature(function).parameters.values()
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{name}() is not async")
    for parameter in parameters:
        if parameter.kind is not parameter.KEYWORD_ONLY:
            raise TypeError(f"{name}() takes {parameter.name} by its place or without a name")
        if parameter.name not in hints:
            raise TypeError(f"{name}() does not say what {parameter.name} is")
    if "return" not in hints:
        raise TypeError(f"{name}() does not say what it gives")
    return Method(
        name=name,
        takes={parameter.name: hints[parameter.name] for parameter in parameters},
        required=frozenset(p.name for p in parameters if p.default is p.empty),
        gives=hints["return"],
    )


def _is(kind: type, value: object, cls: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value if cls is kind else cls(value)


# A method's annotations say what it takes; nothing is bent into shape, as int("5") would be.
_converter = make_converter(detailed_validation=False)
_converter.register_structure_hook(str, lambda value, cls: _is(str, value, cls))
_converter.register_structure_hook(int, lambda value, cls: _is(int, value, cls))
_converter.register_structure_hook(bool, lambda value, cls: _is(bool, value, cls))
_converter.register_structure_hook(type(None), lambda value, _: _is(type(None), value, type(None)))
_converter.register_unstructure_hook(timedelta, lambda value: value // timedelta(microseconds=1))
_converter.register_structure_hook(timedelta, lambda value, _: timedelta(microseconds=_is(int, value, int)))
_converter.register_structure_hook_func(lambda cls: cls is object, lambda value, _: value)
