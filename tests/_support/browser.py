"""A real browser that opens views: a page's text, an address, or inside a host of MCP Apps. Nothing else is reached."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Frame, Page, Route, async_playwright

from tests._support.chromium import ARGUMENTS, app_bridge, chromium

PAGE_ADDRESS = "http://view.test/"
"""Where a page that is given as text seems to come from."""
_HOST_PAGE = """<!doctype html><meta charset="utf-8">
<style>body { margin: 0 } iframe { border: 0; width: 100%; }</style>
<iframe id="view" sandbox="allow-scripts" title="view"></iframe>"""
_HOST_SCRIPT = """async ({ html, capabilities, theme }) => {
  const frame = document.getElementById("view");
  window.sizes = [];
  window.bridge = new AppBridge(null, { name: "test-host", version: "1" }, capabilities, { hostContext: { theme } });
  bridge.oncalltool = async (params) => JSON.parse(await window.callTool(JSON.stringify(params)));
  bridge.onsizechange = (size) => { window.sizes.push(size); frame.style.height = `${size.height}px`; };
  const initialized = new Promise((resolve) => { bridge.oninitialized = resolve; });
  frame.srcdoc = html;
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  await initialized;
}"""

CallTool = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass
class OpenView:
    """A view in the browser, and what went wrong or was asked of the network."""

    page: Page
    problems: list[str] = field(default_factory=list)
    """Errors on the console, uncaught ones, and dialogs."""
    requests: list[str] = field(default_factory=list)
    """Addresses that were asked for, the page's own and the test host's aside."""

    @property
    def frame(self) -> Frame:
        """Where the view is: in a host, the host's frame."""
        frames = self.page.main_frame.child_frames
        return frames[0] if frames else self.page.main_frame

    async def text(self) -> str:
        return await self.frame.inner_text("main")

    async def wait_for(self, text: str, seconds: float = 10.0) -> None:
        """Wait until the view shows this text."""
        await self.frame.get_by_text(text).first.wait_for(timeout=seconds * 1000)

    async def send(self, method: str, params: dict[str, Any]) -> None:
        """A notification of the host: sendToolInput, sendToolResult, sendToolCancelled."""
        await self.page.evaluate("([method, params]) => bridge[method](params)", [method, params])


@asynccontextmanager
async def running_browser(*, pinned: bool = False) -> AsyncIterator[Browser]:
    """A browser; `pinned` is that of `chromium`. Raises NodeError where none can be had."""
    executable, variables = chromium(pinned=pinned)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=list(ARGUMENTS), env={**variables}, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, html: str = "", *, address: str = "", fixed_time: datetime | None = None, **options: Any
) -> AsyncIterator[OpenView]:
    """A page given as text, or at an address. `options` are a context's: viewport, color_scheme, ..."""
    context = await browser.new_context(**options)
    try:
        view = OpenView(await context.new_page())
        _watch(view, address)

        async def answer(route: Route) -> None:
            url = route.request.url
            if address and url.startswith(address):
                await route.continue_()
            elif html and url == PAGE_ADDRESS:
                await route.fulfill(body=html, content_type="text/html; charset=utf-8")
            else:
                view.requests.append(url)
                await route.abort()

        await context.route("**/*", answer)
        if fixed_time is not None:
            await view.page.clock.set_fixed_time(fixed_time)
        await view.page.goto(address or PAGE_ADDRESS)
        yield view
    finally:
        await context.close()


@asynccontextmanager
async def hosted(
    browser: Browser,
    html: str,
    call_tool: CallTool | None,
    *,
    theme: str = "light",
    **options: Any,
) -> AsyncIterator[OpenView]:
    """A page inside a host of MCP Apps, which is the official AppBridge; without `call_tool` it offers no tools."""

    async def call(request: str) -> str:
        params = json.loads(request)
        assert call_tool is not None
        return json.dumps(await call_tool(params["name"], params.get("arguments", {})))

    async with opened(browser, _HOST_PAGE, **options) as view:
        await view.page.expose_function("callTool", call)
        await view.page.evaluate(app_bridge())
        capabilities: dict[str, object] = {"serverTools": {}} if call_tool is not None else {}
        await view.page.evaluate(_HOST_SCRIPT, {"html": html, "capabilities": capabilities, "theme": theme})
        yield view


def _watch(view: OpenView, address: str) -> None:
    def note_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            view.problems.append(message.text)

    view.page.on("console", note_console)
    view.page.on("pageerror", lambda error: view.problems.append(str(error)))
    view.page.on("dialog", lambda dialog: view.problems.append(f"dialog: {dialog.message}"))
