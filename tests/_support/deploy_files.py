"""What deploy/ holds: the compose file and the Kubernetes manifests, read."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from scripts.project import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
MANIFESTS: list[dict[str, Any]] = [*YAML(typ="safe").load_all(DEPLOY / "kubernetes.yaml")]
