"""Progress notifications in a terminal: a progress bar with rich, plain lines where there is no terminal."""

import contextlib
import sys
from collections.abc import Iterator

import anyio
from mcp.shared.dispatcher import ProgressFnT

_LAST_NOTIFICATION_SECONDS = 2.0


class ProgressDisplay:
    """A progress callback for `Client.call_tool` that shows each notification."""

    def __init__(self, show: ProgressFnT) -> None:
        self._show = show
        self._complete = anyio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        await self._show(progress, total, message)
        if total and progress >= total:
            self._complete.set()

    async def wait_until_complete(self) -> None:
        """For a moment: the client hands the last notification over beside the result, and maybe after it."""
        with anyio.move_on_after(_LAST_NOTIFICATION_SECONDS):
            await self._complete.wait()


@contextlib.contextmanager
def progress_display() -> Iterator[ProgressDisplay]:
    """A bar at a terminal, else lines."""
    if not sys.stdout.isatty():
        yield ProgressDisplay(_print_line)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(highlight=False)
    columns = (SpinnerColumn(), BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=None)
        last_step = ""

        async def update_bar(progress: float, total: float | None, message: str | None) -> None:
            nonlocal last_step
            description = message or ""
            step = description.partition(":")[0].partition(" · ")[0] if total else ""
            if last_step and step != last_step:
                console.print(f"[green]✔[/green] {last_step}")
            last_step = step if description != "done" else ""
            bar.update(task, completed=progress, total=total, description=description.replace("[", "\\["))

        yield ProgressDisplay(update_bar)


async def _print_line(progress: float, total: float | None, message: str | None) -> None:
    percentage = f"{progress / total:4.0%}" if total else "    "
    print(f"  {percentage}  {message or ''}", flush=True)
