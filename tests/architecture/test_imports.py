"""Who may import what; each rule is also run over a planted package that breaks it."""

import ast
from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from faultmaven_adapters.composition import ROOMS as WIRED
from tests.architecture.rules import (
    domain_imports,
    faces_that_reach_out,
    idle_places,
    imports_by_face,
    placed_imports,
    room_imports,
)
from tests.architecture.source import ADAPTERS, DOMAIN, HTTP, ROOT, WORKER, nodes, planted, sources, uses

#: Each room, and those whose faces it knows.
ROOMS: dict[str, tuple[str, ...]] = {
    "auth": (),
    "session": (),
    "case": ("auth",),
    "evidence": ("case",),
    "knowledge": (),
    "agent": ("case", "evidence", "knowledge"),
}

#: Where in the adapters each vendor is imported: one file or one folder, but for those that say why not.
VENDORS: dict[str, tuple[str, ...]] = {
    "databases": ("sql.gateway",),
    "sqlalchemy": ("sql",),
    "alembic": ("sql",),
    "asyncpg": ("sql",),
    "lancedb": ("vectors.lancedb",),
    "chromadb": ("vectors.chromadb.embedded",),
    "pyarrow": ("vectors",),
    "redis": ("redis",),
    "arq": ("redis",),
    "fsspec": ("files.local",),
    # What s3fs lets through of the two it stands on: their errors.
    "s3fs": ("files.s3",),
    "botocore": ("files.s3",),
    "aiohttp": ("files.s3",),
    "joserfc": ("identity",),
    "argon2": ("identity.argon2",),
    "onnxruntime": ("embeddings.encoder",),
    "tokenizers": ("embeddings.encoder",),
    "onnx": ("embeddings",),
    "platformdirs": ("embeddings.model_files",),
    "lxml": ("extraction.markup",),
    "docx": ("extraction.word",),
    "pypdfium2": ("extraction.pdf",),
    "PIL": ("extraction.picture",),
    "rapidocr": ("extraction.ocr",),
    "charset_normalizer": ("extraction.encoding",),
    "punq": ("composition",),
    "typed_settings": ("settings",),
    # Arrays are what the model's, the reader's and the index's engine take and give.
    "numpy": ("embeddings", "extraction", "vectors.held", "vectors.held_words"),
    # HTTP is spoken by whoever has somebody to call: a model's host, a module that left, a file to fetch.
    "httpx2": (
        "embeddings.fetch",
        "identity.issuer",
        "llm.wire",
        "remote.client",
        "vectors.chromadb.server",
        "vectors.pinecone_wire",
    ),
    # One converter for each edge a value crosses: rows, messages, cached values, calls from afar.
    "cattrs": ("rows", "jobs", "redis.codec", "remote.face"),
}

#: The doors of the adapters that a shell goes through.
HTTP_PLACES: dict[str, tuple[str, ...]] = {
    "starlette": ("",),
    "cattrs": ("wire", "cli.options"),
    "uvicorn": ("cli.serve", "protocol"),
    "click": ("cli",),
    "rich": ("progress",),
    "httpx2": ("demo.tour",),
    WORKER: ("cli.serve",),
    f"{ADAPTERS}.library": ("",),
    f"{ADAPTERS}.settings": ("",),
    f"{ADAPTERS}.remote": ("routes.internal",),
    f"{ADAPTERS}.diagnosis": ("cli.operate",),
    f"{ADAPTERS}.embeddings.model_files": ("cli",),
    f"{ADAPTERS}.owner": ("cli.serve",),
    f"{ADAPTERS}.sql.migrate": ("cli.operate",),
}
WORKER_PLACES: dict[str, tuple[str, ...]] = {
    "arq": ("worker",),
    f"{ADAPTERS}.jobs": ("worker",),
    f"{ADAPTERS}.queues": ("worker",),
    f"{ADAPTERS}.redis.worker": ("worker",),
}

#: ``import_module`` hides an import from every rule here, so who calls it says why.
BY_NAME: dict[str, str] = {
    "faultmaven_adapters/__init__.py": "the library's door loads its own modules when they are first asked for",
    "faultmaven_adapters/extras.py": "asks for a vendor that may not be installed, before the file that imports it",
    "faultmaven_adapters/vectors/lancedb.py": "loads lancedb, imported there for its types, in a thread of its own",
}


def shell_imports(package: str, places: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A shell imports the domain, its own framework, and the adapters by their doors alone."""
    return placed_imports(package, places, everywhere=("attrs", DOMAIN), faces=(ADAPTERS,))


def imported_by_name(directory: Path) -> set[str]:
    """Files that import by a name made at run time."""
    return {
        path.relative_to(directory.parent).as_posix()
        for path in sources(directory)
        if _mentions(path, "import_module", "__import__")
    }


def in_order(rooms: Mapping[str, Iterable[str]]) -> list[str]:
    """Raises: CycleError where two rooms know each other, if by a detour."""
    return list(TopologicalSorter(rooms).static_order())


def _mentions(path: Path, *words: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id in words)
        or (isinstance(node, ast.Attribute) and node.attr in words)
        or (isinstance(node, ast.alias) and node.name in words)
        for node in nodes(path)
    )


def test_the_domain_imports_itself_and_attrs() -> None:
    """The domain imports the pure part of the standard library, attrs and itself."""
    assert domain_imports(DOMAIN, f"{DOMAIN}.agent.prompts") == []


def test_rooms_know_each_other_by_their_faces() -> None:
    """A room imports of others only the faces of those it may know."""
    assert room_imports(DOMAIN, ROOMS) == []
    assert faces_that_reach_out(DOMAIN, ROOMS) == []


def test_the_written_rooms_are_those_that_are() -> None:
    """Every room of the domain is in the table, and knows whom the table says."""
    assert {path.parent.name for path in (ROOT / DOMAIN).glob("*/service.py")} == set(ROOMS) == set(WIRED)
    for room, known in ROOMS.items():
        imported = {use.module for path in sources(ROOT / DOMAIN / room) for use in uses(path)}
        assert {other for other in ROOMS if other != room and f"{DOMAIN}.{other}" in imported} == set(known), room


def test_no_two_rooms_know_each_other() -> None:
    """The rooms can be put in an order in which each knows earlier ones alone."""
    assert set(in_order(ROOMS)) == set(ROOMS)


@pytest.mark.parametrize("package", [ADAPTERS, HTTP, WORKER])
def test_a_room_is_known_by_its_face_outside_the_domain(package: str) -> None:
    """Adapters and shells import no module of a room, only the room."""
    assert imports_by_face(package, DOMAIN, ROOMS) == []


def test_each_vendor_is_imported_in_its_place() -> None:
    """Of what the adapters import each vendor has its file or folder, and the shells are not among it."""
    assert placed_imports(ADAPTERS, VENDORS, everywhere=("attrs", DOMAIN)) == []


def test_the_http_shell_imports_its_framework() -> None:
    """The HTTP shell imports the domain, the doors of the adapters and its framework; the worker in ``serve`` alone."""
    assert shell_imports(HTTP, HTTP_PLACES) == []


def test_the_worker_imports_its_framework() -> None:
    """The worker imports the domain, the doors of the adapters and arq."""
    assert shell_imports(WORKER, WORKER_PLACES) == []


@pytest.mark.parametrize(("package", "places"), [(ADAPTERS, VENDORS), (HTTP, HTTP_PLACES), (WORKER, WORKER_PLACES)])
def test_the_tables_say_what_is_so(package: str, places: dict[str, tuple[str, ...]]) -> None:
    """Whatever may be imported somewhere is imported there."""
    assert idle_places(package, places) == []


def test_nothing_is_imported_behind_the_rules() -> None:
    """Only the listed files import by a name, and none in the domain does."""
    found = set().union(*(imported_by_name(ROOT / package) for package in (DOMAIN, ADAPTERS, HTTP, WORKER)))

    assert found == set(BY_NAME)


Rule = Callable[[Path], list[str]]
_ROOMS = {"near": (), "far": ("near",)}
_PLACES = {"sqlite3": ("",), "attrs": ("sql",), "pytest": ("sql.gateway",)}

PLANTED: dict[str, tuple[dict[str, str], Rule, str]] = {
    "a vendor in the domain": (
        {"pl_vendor/room/models.py": "import attrs\nimport cattrs\n", "pl_vendor/prompts/__init__.py": ""},
        lambda _: domain_imports("pl_vendor", "pl_vendor.prompts"),
        "cattrs",
    ),
    "a vendor in a function of the domain": (
        {"pl_late/room.py": "def f():\n    from sqlalchemy import select\n", "pl_late/prompts/__init__.py": ""},
        lambda _: domain_imports("pl_late", "pl_late.prompts"),
        "sqlalchemy",
    ),
    "an impure module in the domain": (
        {"pl_impure/room.py": "import os\n", "pl_impure/prompts/__init__.py": ""},
        lambda _: domain_imports("pl_impure", "pl_impure.prompts"),
        "os",
    ),
    "files read beside the prompts": (
        {"pl_files/room.py": "from importlib.resources import files\n", "pl_files/prompts/__init__.py": ""},
        lambda _: domain_imports("pl_files", "pl_files.prompts"),
        "importlib.resources",
    ),
    "another module of the library among the prompts": (
        {"pl_prompts/prompts/__init__.py": "import importlib\n"},
        lambda _: domain_imports("pl_prompts", "pl_prompts.prompts"),
        "importlib",
    ),
    "a rule about nothing": (
        {"pl_nothing/room.py": ""},
        lambda _: domain_imports("pl_nothing", "pl_nothing.promts"),
        "NO CANDIDATES",
    ),
    "behind a face": (
        {
            "pl_deep/kernel/ids.py": "",
            "pl_deep/near/models.py": "",
            "pl_deep/far/a.py": "from ..near.models import X\n",
        },
        lambda _: room_imports("pl_deep", _ROOMS),
        "pl_deep.near.models",
    ),
    "a module behind a face by name": (
        {"pl_name/kernel/ids.py": "", "pl_name/near/models.py": "", "pl_name/far/a.py": "from ..near import models\n"},
        lambda _: room_imports("pl_name", _ROOMS),
        "pl_name.near.models",
    ),
    "a room it may not know": (
        {"pl_back/kernel/ids.py": "", "pl_back/far/models.py": "", "pl_back/near/a.py": "from ..far import X\n"},
        lambda _: room_imports("pl_back", _ROOMS),
        "pl_back.far",
    ),
    "a kernel that knows a room": (
        {"pl_kernel/kernel/ids.py": "from ..near import X\n", "pl_kernel/near/a.py": "", "pl_kernel/far/a.py": ""},
        lambda _: room_imports("pl_kernel", _ROOMS),
        "pl_kernel.near",
    ),
    "a face that shows what is not its own": (
        {"pl_face/near/models.py": "", "pl_face/far/__init__.py": "from ..near.models import X\n"},
        lambda root: faces_that_reach_out("pl_face", ["far"], root),
        "pl_face.near.models",
    ),
    "an adapter behind a face": (
        {"pl_house/near/models.py": "", "pl_adapter/a.py": "from pl_house.near.models import X\n"},
        lambda _: imports_by_face("pl_adapter", "pl_house", ["near"]),
        "pl_house.near.models",
    ),
    "a room nobody knows": (
        {"pl_home/near/models.py": "", "pl_guest/a.py": "from pl_home.other import X\n"},
        lambda _: imports_by_face("pl_guest", "pl_home", ["near"]),
        "pl_home",
    ),
    "a vendor beside its place": (
        {"pl_place/sql/gateway.py": "", "pl_place/a.py": "import attrs\n"},
        lambda _: placed_imports("pl_place", _PLACES, everywhere=()),
        "attrs",
    ),
    "a vendor of an inner place in the outer one": (
        {"pl_outer/sql/gateway.py": "", "pl_outer/sql/case.py": "import pytest\n"},
        lambda _: placed_imports("pl_outer", _PLACES, everywhere=()),
        "pytest",
    ),
    "a vendor nobody placed": (
        {"pl_new/sql/gateway.py": "import httpx2\n"},
        lambda _: placed_imports("pl_new", _PLACES, everywhere=()),
        "httpx2",
    ),
    "an adapter that imports a shell": (
        {"pl_shell/sql/gateway.py": "from faultmaven_http.app import x\n"},
        lambda _: placed_imports("pl_shell", _PLACES, everywhere=("attrs", DOMAIN)),
        "faultmaven_http",
    ),
    "a place misspelt": (
        {"pl_typo/sql/gateway.py": ""},
        lambda _: placed_imports("pl_typo", {"pytest": ("sql.gatewy",)}, everywhere=()),
        "NO CANDIDATES",
    ),
    "a place without its vendor": (
        {"pl_idle/sql/gateway.py": "import pytest\nimport sqlite3\n"},
        lambda root: idle_places("pl_idle", _PLACES, root),
        "attrs is not imported in sql",
    ),
    "a shell behind the adapters' doors": (
        {"pl_door/a.py": "from faultmaven_adapters.sql.gateway import Gateway\n"},
        lambda _: shell_imports("pl_door", {}),
        "faultmaven_adapters.sql.gateway",
    ),
    "a worker elsewhere than in serve": (
        {"pl_worker/cli/serve.py": "", "pl_worker/app.py": "from faultmaven_worker import run_worker\n"},
        lambda _: shell_imports("pl_worker", {WORKER: ("cli.serve",)}),
        "faultmaven_worker",
    ),
    "punq elsewhere than in the composition": (
        {"pl_punq/composition.py": "import punq\n", "pl_punq/bootstrap.py": "import punq\n"},
        lambda _: placed_imports("pl_punq", {"punq": VENDORS["punq"]}, everywhere=()),
        "punq",
    ),
    "an import by name": (
        {"pl_hidden/a.py": "import importlib\nimportlib.import_module('redis')\n"},
        lambda root: sorted(imported_by_name(root / "pl_hidden")),
        "pl_hidden/a.py",
    ),
    "an import by the builtin": (
        {"pl_builtin/a.py": "__import__('redis')\n"},
        lambda root: sorted(imported_by_name(root / "pl_builtin")),
        "pl_builtin/a.py",
    ),
    "an import by name under another": (
        {"pl_alias/a.py": "from importlib import import_module as load\nload('redis')\n"},
        lambda root: sorted(imported_by_name(root / "pl_alias")),
        "pl_alias/a.py",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_violation_is_found(name: str, tmp_path: Path) -> None:
    """Each planted package breaks its rule once, and that is said."""
    files, rule, said = PLANTED[name]
    with planted(tmp_path, files) as root:
        [breach] = rule(root)

    assert said in breach


def test_rooms_in_a_circle_are_found() -> None:
    """Two rooms that know each other by way of a third have no order."""
    with pytest.raises(CycleError):
        in_order({"auth": ["case"], "case": ["agent"], "agent": ["auth"]})
