"""Holds every answer of a test against the server's own OpenAPI document: nothing undescribed, nothing missing."""

import copy
import re
from typing import Any

from httpx2 import Response
from jsonschema import Draft202012Validator

from faultmaven_http.app import SURFACE
from faultmaven_http.openapi import document

Schema = dict[str, Any]


def _closed(schemas: Schema) -> Schema:
    """So strict that a field nobody described is found too."""
    strict = copy.deepcopy(schemas)
    for schema in strict.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return strict


class Contract:
    def __init__(self) -> None:
        self.document = document(SURFACE)
        self.schemas = _closed(self.document["components"]["schemas"])
        self.paths = [
            (re.compile(re.sub(r"\\{key\\}", ".+", re.sub(r"\\{(?!key)\w+\\}", "[^/]+", re.escape(path)))), path)
            for path in sorted(self.document["paths"], key=lambda path: (path.count("{"), path))
        ]

    def check(self, method: str, path: str, response: Response) -> None:
        """Raises: AssertionError saying in what the answer differs from its description."""
        plain = "/" + path.strip("/")
        template = next((template for pattern, template in self.paths if pattern.fullmatch(plain)), None)
        operation = self.document["paths"].get(template, {}).get("get" if method == "HEAD" else method.lower())
        if operation is None:
            assert response.status_code in {404, 405} or plain.startswith(("/docs", "/openapi", "/login", "/auth/"))
            return
        status = str(response.status_code)
        assert status in operation["responses"], f"{method} {template} does not describe its {status}"
        answer = operation["responses"][status]
        if "$ref" in answer:
            answer = self.document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        media_type = response.headers.get("content-type", "").partition(";")[0]
        content = answer.get("content", {})
        if not content:
            assert not response.content
            return
        assert media_type in content or "*/*" in content, f"{method} {template} does not describe {media_type}"
        schema = content.get(media_type, content.get("*/*"))["schema"]
        if media_type == "application/json" and schema and method != "HEAD":
            whole = {**schema, "components": {"schemas": self.schemas}}
            for error in Draft202012Validator(whole).iter_errors(response.json()):
                raise AssertionError(f"{method} {template} {status}: {error.message} at {error.json_path}")
