"""A Chromium for tests, on a machine that may have none: the system's, or an npm package's, which needs no root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests._support.node import CACHE, NodeError, environment, node, npm_package

PACKAGE, VERSION = "@sparticuz/chromium", "147.0.0"
BRIDGE_PACKAGE, BRIDGE_VERSION = "@modelcontextprotocol/ext-apps", "2.0.4"
COMPARISON_PACKAGE, COMPARISON_VERSION = "pixelmatch", "8.0.0"
BUNDLER_PACKAGE, BUNDLER_VERSION = "esbuild", "0.28.2"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb")
"""How it is started: what the page may do is not loosened, as the package's own arguments do."""

_OF_SYSTEM = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_UNPACK = """
const fs = require("fs"), zlib = require("zlib");
const [from, to] = process.argv.slice(1);
require("stream").pipeline(fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to),
  (error) => { if (error) throw error; });
"""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
_BRIDGE = """
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";
Object.assign(globalThis, { AppBridge, PostMessageTransport });
"""
_COMPARISON = """
import pixelmatch from "pixelmatch";
Object.assign(globalThis, { pixelmatch });
"""


def chromium(*, pinned: bool = False) -> tuple[Path, dict[str, str]]:
    """The browser and the environment that it needs. Raises NodeError where it cannot be had.

    `pinned`: the one of the npm package, with the fonts of the package, whatever the system has.
    """
    for name in _OF_SYSTEM:
        if not pinned and (found := shutil.which(name)) is not None:
            return Path(found), dict(os.environ)
    home = CACHE / f"chromium-{VERSION}"
    if not (home / "chromium").is_file():
        packed = npm_package(PACKAGE, VERSION) / "bin"
        fresh = Path(tempfile.mkdtemp(prefix="unpacking-", dir=CACHE))
        _unpack(packed / "chromium.br", fresh / "chromium")
        (fresh / "chromium").chmod(0o755)
        for name in ("fonts", "al2023"):
            _unpack(packed / f"{name}.tar.br", fresh / f"{name}.tar")
            with tarfile.open(fresh / f"{name}.tar") as archive:
                # Before Python 3.11.4 there was no filter; what is unpacked has the checksum of the pinned package.
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                archive.extractall(fresh / name)  # noqa: S202  # with the filter, where there is one
            (fresh / f"{name}.tar").unlink()
        _put_in_place(fresh, home)
    variables = dict(os.environ)
    if pinned or shutil.which("fc-list") is None or not _output("fc-list"):
        variables["FONTCONFIG_FILE"] = str(_fonts_of_package(home))
    if "not found" in _output("ldd", str(home / "chromium")):
        variables["LD_LIBRARY_PATH"] = str(next((home / "al2023").rglob("libnss3.so")).parent)
    return home / "chromium", variables


def _fonts_of_package(home: Path) -> Path:
    """The configuration with which there are the package's fonts, and no others; its own is for another machine."""
    file = home / "package-fonts.conf"
    if not file.is_file():
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(_FONTS.format(fonts=home / "fonts", cache=home / "fonts-cache"), encoding="utf-8")
        fresh.replace(file)
    return file


def app_bridge() -> str:
    """The official host side of MCP Apps as one script, which gives a page AppBridge and PostMessageTransport."""
    return _bundle(f"app-bridge-{BRIDGE_VERSION}", npm_package(BRIDGE_PACKAGE, BRIDGE_VERSION).parents[2], _BRIDGE)


def pixelmatch() -> str:
    """What compares pictures as one script, which gives a page `pixelmatch`."""
    home = npm_package(COMPARISON_PACKAGE, COMPARISON_VERSION).parents[1]
    return _bundle(f"pixelmatch-{COMPARISON_VERSION}", home, _COMPARISON)


def _bundle(name: str, home: Path, source: str) -> str:
    """A module as one script; `home` is the folder whose node_modules it imports from."""
    bundle = CACHE / f"{name}.js"
    if not bundle.is_file():
        bundler = npm_package(BUNDLER_PACKAGE, BUNDLER_VERSION) / "bin" / "esbuild"
        done = subprocess.run(
            [str(node()), str(bundler), "--bundle", "--format=iife", "--minify"],
            cwd=home,
            env=environment(),
            input=source,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise NodeError(f"{name} could not be bundled: {done.stderr[-2000:]}")
        fresh = bundle.with_suffix(f".{os.getpid()}")
        fresh.write_text(done.stdout, encoding="utf-8")
        fresh.replace(bundle)
    return bundle.read_text(encoding="utf-8")


def _unpack(packed: Path, target: Path) -> None:
    done = subprocess.run([str(node()), "-e", _UNPACK, str(packed), str(target)], capture_output=True, timeout=120)
    if done.returncode != 0:
        raise NodeError(f"{packed.name} could not be unpacked: {done.stderr.decode(errors='replace')[-2000:]}")


def _put_in_place(fresh: Path, home: Path) -> None:
    """Rename it to what all use; whoever comes second has worked for nothing."""
    try:
        fresh.rename(home)
    except OSError:
        if not (home / "chromium").is_file():
            raise
        shutil.rmtree(fresh, ignore_errors=True)


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except OSError:
        return ""
