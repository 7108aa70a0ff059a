"""The API's OpenAPI description, where FastAPI would say what is not so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Description = dict[str, Any]

TOKENS: Final[Description] = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": "bearwatch"},
}


def described(openapi: Callable[[], Description]) -> Callable[[], Description]:
    """``openapi`` with the API's own problems in the place of FastAPI's, and who may ask."""

    def mended() -> Description:
        found = openapi()
        components = found.setdefault("components", {})
        components["securitySchemes"] = TOKENS
        for name in ("HTTPValidationError", "ValidationError"):
            components.get("schemas", {}).pop(name, None)
        for path, methods in found["paths"].items():
            if path.startswith("/api/v1/"):
                for operation in methods.values():
                    _mend(operation)
        return found

    return mended


def _mend(operation: Description) -> None:
    operation["security"] = [{"token": []}, {"session": []}]
    answers = operation["responses"]
    answers.pop("422", None)  # what cannot be understood is a 400 of our own
    for status, answer in answers.items():
        if status != "200" and (
            content := answer.get("content", {}).pop("application/json", None)
        ):
            answer["content"]["application/problem+json"] = content
