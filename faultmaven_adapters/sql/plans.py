"""A statement compiled once: what the driver is given, and what is done to values on their way in and out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from attrs import field, frozen
from sqlalchemy import Dialect
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler

Processor = Callable[[Any], Any]
NOTHING: Mapping[str, Any] = {}
#: What PostgreSQL calls the type of our numbers with a fraction; nothing but their processor asks for the number.
_FLOAT8 = 701


@frozen
class Plan:
    sql: str
    fixed: dict[str, Any]
    encoders: tuple[tuple[str, Processor], ...]
    names: tuple[str, ...]
    decoders: tuple[tuple[str, Processor], ...]
    #: The parameters' names in the order of their numbers, where the dialect numbers them.
    numbered: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        given = {**self.fixed, **values}
        for name, encode in self.encoders:
            given[name] = encode(given[name])
        return given

    def row(self, raw: Iterable[Any]) -> dict[str, Any]:
        row = dict(zip(self.names, raw, strict=True))
        for name, decode in self.decoders:
            row[name] = decode(row[name])
        return row


@frozen
class Plans:
    """Plans by statement. Compiling costs more than running does, so a statement is best a constant with parameters."""

    dialect: Dialect
    _known: "WeakKeyDictionary[Executable, Plan]" = field(factory=WeakKeyDictionary)

    def of(self, statement: Executable) -> Plan:
        plan = self._known.get(statement)
        if plan is None:
            plan = self._known[statement] = self._made(statement)
        return plan

    def __len__(self) -> int:
        return len(self._known)

    def _made(self, statement: Any) -> Plan:
        compiled: SQLCompiler = statement.compile(dialect=self.dialect)
        if compiled.post_compile_params:  # a list of values within the statement: all of it is known by now
            compiled = statement.compile(dialect=self.dialect, compile_kwargs={"render_postcompile": True})
        asked = {name for bind, name in compiled.bind_names.items() if bind.required}
        kinds = {name: bind.type for bind, name in compiled.bind_names.items() if not bind.expanding}
        encoders = {name: kind.dialect_impl(self.dialect).bind_processor(self.dialect) for name, kind in kinds.items()}
        columns = _columns(statement)
        decoders = [(name, self._decoder(column.type)) for name, column in columns]
        return Plan(
            sql=str(compiled),
            fixed={name: value for name, value in compiled.params.items() if name not in asked},
            encoders=tuple((name, encode) for name, encode in encoders.items() if encode),
            names=tuple(name for name, _ in columns),
            decoders=tuple((name, decode) for name, decode in decoders if decode),
            numbered=tuple(compiled.positiontup or ()),
        )

    def _decoder(self, kind: Any) -> Processor | None:
        decoder: Processor | None = kind.dialect_impl(self.dialect).result_processor(self.dialect, _FLOAT8)
        return decoder


def _columns(statement: Any) -> list[tuple[str, Any]]:
    return list(statement.exported_columns.items()) if hasattr(statement, "exported_columns") else []
