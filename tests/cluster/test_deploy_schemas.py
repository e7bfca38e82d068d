"""deploy/ by the published schemas of Kubernetes and Compose, which `make test-deploy` installs."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests._support.deploy_files import DEPLOY, MANIFESTS

COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
OLDEST_KUBERNETES = "1.31"
"""What is older is supported by nobody any more."""


def validator(module: str) -> Any:
    return pytest.importorskip(module, reason="make test-deploy installs it, and runs this")


def validate(manifest: dict[str, Any], version: str) -> None:
    """Raises ValidationError, also for a field that this version of Kubernetes does not have."""
    validator("kubernetes_validate").validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, ""], ids=["oldest", "latest"])
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_manifest_is_valid_in_kubernetes(manifest: dict[str, Any], version: str) -> None:
    validate(manifest, version or validator("kubernetes_validate").latest_version())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda spec: spec.update(replicas="two"),
        lambda spec: spec.pop("selector"),
        lambda spec: spec["template"]["spec"].update(terminationGracePeriod=10),
    ],
    ids=["type", "required", "unknown"],
)
def test_manifest_with_a_mistake_is_not_valid(spoil: Callable[[dict[str, Any]], object]) -> None:
    spoilt = copy.deepcopy(MANIFESTS[0])
    spoil(spoilt["spec"])
    with pytest.raises(validator("kubernetes_validate").ValidationError):
        validate(spoilt, OLDEST_KUBERNETES)


def parse(compose: str) -> Any:
    """The file as Compose reads it, its variables filled in. Raises ValueError, also for a key that there is not."""
    filled = re.sub(r"\$\{\w+(?::\?[^}]*)?\}", "given", compose)
    return validator("compose_spec").PyCompose.from_yaml(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", filled))


def test_compose_file_is_valid() -> None:
    parsed = parse(COMPOSE)
    parsed.validate()
    assert set(parsed.service_names()) >= {"nginx", "agentos-mcp-1", "agentos-1", "postgres", "redis"}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("restart: always", "restarts: always"),
        ("read_only: true", "read_only: [1]"),
        ("127.0.0.1:7800:80", "127.0.0.1:x:80"),
        ("service_healthy", "service_fine"),
        ("interval: 2s", "interval: soon"),
        ("secrets: [agentos-token", "secrets: [nobody"),
    ],
)
def test_compose_file_with_a_mistake_is_not_valid(right: str, wrong: str) -> None:
    assert right in COMPOSE
    with pytest.raises(ValueError, match=r".+"):
        parse(COMPOSE.replace(right, wrong, 1)).validate()
