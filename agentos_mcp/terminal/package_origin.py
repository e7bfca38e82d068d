"""Where this copy of the package was installed from, as its installer has written it down (PEP 610)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from agentos_mcp import DISTRIBUTION


@dataclass(frozen=True)
class PackageOrigin:
    """A folder or a reference; both are empty for a package index, and for what is gone."""

    folder: str = ""
    """Such as a clone."""
    is_editable: bool = False
    reference: str = ""
    """The URL of a repository or an archive: what stands after the `@` of a requirement."""

    def requirement(self, *extras: str) -> str:
        """What an installer is given for the same source, with these extras."""
        chosen = f"[{','.join(extras)}]" if extras else ""
        if self.reference:
            return f"{DISTRIBUTION}{chosen} @ {self.reference}"
        return f"{self.folder or DISTRIBUTION}{chosen}"


def read_package_origin() -> PackageOrigin:
    """The origin of this copy; one of a package index where nothing is known of it."""
    try:
        document = _read_document(metadata.distribution(DISTRIBUTION))
    except metadata.PackageNotFoundError:  # run from its folder, as a bundle is
        return PackageOrigin()
    url = str(document.get("url") or "")
    path = _local_path(url) if "vcs_info" not in document else ""
    if path and "archive_info" not in document and Path(path).is_dir():
        folder_info = document.get("dir_info")
        is_editable = isinstance(folder_info, dict) and folder_info.get("editable") is True
        return PackageOrigin(path, is_editable)
    return PackageOrigin(reference=_reference(document, url, path))


def _read_document(distribution: metadata.Distribution) -> Mapping[str, Any]:
    try:
        document = json.loads(distribution.read_text("direct_url.json") or "{}")
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _local_path(url: str) -> str:
    parts = urlsplit(url)
    return url2pathname(parts.path) if parts.scheme == "file" else ""


def _reference(document: Mapping[str, Any], url: str, path: str) -> str:
    version_control = document.get("vcs_info")
    if isinstance(version_control, dict):
        revision = str(version_control.get("requested_revision") or "")
        reference = f"{version_control.get('vcs', 'git')}+{url}{f'@{revision}' if revision else ''}"
    else:
        reference = url if not path or Path(path).is_file() else ""
    # An address with a password in it is not for a screen.
    return "" if re.search(r"://[^/@]*@", reference) else reference
