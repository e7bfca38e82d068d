"""The import of the SDK for a server that starts fast: what it leaves out, and that nothing is missing later."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from agentos_mcp.server.sdk_import import deferred_models
from tests._support.processes import run

_REPORT = """
import json, sys
from agentos_mcp.server.sdk_import import import_sdk
import_sdk(serves_http={serves_http})
import agentos_mcp.server.build
import mcp_types, mcp.server
from pydantic import BaseModel

def models(of):
    return [model for own in of.__subclasses__() for model in (own, *models(own))]

sdk = [model for model in models(BaseModel) if model.__module__.partition(".")[0] in ("mcp", "mcp_types")]
unbuilt = [model.__name__ for model in sdk if not model.__pydantic_complete__]
for model in sdk:
    model.model_rebuild()
incomplete = [model.__name__ for model in sdk if not model.__pydantic_complete__]
has_uvicorn = "uvicorn" in sys.modules
import uvicorn.server
print(json.dumps([has_uvicorn, len(sdk), unbuilt, incomplete]))
"""


def test_import_sdk_for_stdio_builds_few_models_and_leaves_uvicorn_out() -> None:
    has_uvicorn, count, unbuilt, incomplete = _report(serves_http=False)
    assert not has_uvicorn
    assert len(unbuilt) > count * 0.8
    assert {"InitializeRequest", "CreateMessageResult", "OAuthToken"} <= set(unbuilt)
    assert incomplete == []


def test_import_sdk_for_http_keeps_uvicorn() -> None:
    has_uvicorn, _, unbuilt, incomplete = _report(serves_http=True)
    assert has_uvicorn
    assert unbuilt
    assert incomplete == []


def _report(*, serves_http: bool) -> list[Any]:
    result = run("-c", _REPORT.format(serves_http=serves_http), command=(sys.executable,))
    assert result.returncode == 0, result.stderr
    report: list[Any] = json.loads(result.stdout)
    return report


def test_deferred_models_are_the_same_once_they_are_used() -> None:
    with deferred_models():

        class Inner(BaseModel):
            number: Annotated[int, Field(gt=0)]

        class Outer(BaseModel):
            inner: Inner

        adapter = TypeAdapter(list[Outer] | None)
        of_model = TypeAdapter(Outer)
    assert not Outer.__pydantic_complete__
    assert not adapter.pydantic_complete
    assert of_model.validate_json('{"inner": {"number": 1}}').inner.number == 1
    assert adapter.validate_python([{"inner": {"number": 2}}]) == [Outer(inner=Inner(number=2))]
    assert Outer.__pydantic_complete__


def test_deferred_models_end_with_the_context() -> None:
    with deferred_models():
        pass

    class After(BaseModel):
        number: int

    assert After.__pydantic_complete__
    assert TypeAdapter(list[int]).pydantic_complete
    assert "defer_build" not in BaseModel.model_config
