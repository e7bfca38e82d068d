"""`python wire_recorder.py LOG COMMAND...`: runs an MCP server, and writes to LOG what it and its client say.

A line of the log is a JSON array: seconds since 1970, "client" or "server", and the line that it said. Uses nothing
outside the standard library, since clients start it with an environment of their own.
"""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from typing import IO


def main() -> int:
    log_path, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    lock = threading.Lock()
    with open(log_path, "a", encoding="utf-8") as log:  # noqa: PTH123 - pathlib costs a start more

        def copy(source: IO[bytes], target: IO[bytes], speaker: str) -> None:
            for line in source:
                with lock:
                    log.write(json.dumps([time.time(), speaker, line.decode("utf-8", "replace")]) + "\n")
                    log.flush()
                try:
                    target.write(line)
                    target.flush()
                except OSError:
                    break
            with contextlib.suppress(OSError):
                target.close()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _: child.send_signal(received))
        threading.Thread(target=copy, args=(sys.stdin.buffer, child.stdin, "client"), daemon=True).start()
        copy(child.stdout, sys.stdout.buffer, "server")
        return child.wait()


if __name__ == "__main__":
    sys.exit(main())
