"""How many tokens a text costs, as OpenAI's o200k_base counts them; other vocabularies are within a few percent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from tests._support.node import environment, node, npm_package

PACKAGE = "gpt-tokenizer"
VERSION = "4.0.0"

_COUNT = """
const { countTokens } = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const counts = texts.map((text) => countTokens(text, { disallowedSpecial: new Set() }));
console.log(JSON.stringify(counts));
"""


def count_tokens(texts: Sequence[str]) -> list[int]:
    """The tokens of each text, counted by one node process; the vocabulary is downloaded the first time."""
    vocabulary = npm_package(PACKAGE, VERSION) / "cjs" / "encoding" / "o200k_base.js"
    done = subprocess.run(
        [str(node()), "-e", _COUNT, str(vocabulary)],
        env=environment(),
        input=json.dumps(list(texts)),
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
        timeout=30,
    )
    counts: list[int] = json.loads(done.stdout)
    return counts


def compact(document: object) -> str:
    """A document as the smallest JSON text that says it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
