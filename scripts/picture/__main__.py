"""`python -m scripts.picture`: draws docs/images/, a conversation with the running demo and the views, and the tests'
golden pictures of the views; `python -m scripts.picture views` draws the views alone.
"""

from __future__ import annotations

import logging
import os
import sys
import time

from scripts.picture.conversation import record_conversation
from scripts.picture.svg import FILE, drawn, screen
from scripts.picture.view_pictures import draw_views


def main() -> int:
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    os.environ["TZ"] = "UTC"
    if hasattr(time, "tzset"):
        time.tzset()
    if sys.argv[1:] != ["views"]:
        text = drawn(screen(record_conversation()).shown)
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{FILE} ({len(text.encode()) / 1000:.0f} kB)\n")
    for file in draw_views():
        sys.stdout.write(f"{file} ({file.stat().st_size / 1000:.0f} kB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
