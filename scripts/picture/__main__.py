"""`python -m scripts.picture`: draws docs/images/demo.svg from the running demo."""

from __future__ import annotations

import sys

from scripts.picture.svg import FILE, drawn, recorded, screen


def main() -> int:
    text = drawn(screen(recorded()).shown)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{FILE} ({len(text.encode()) / 1000:.0f} kB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
