"""Views in a real browser: what they show, that nothing else is reached, and that hostile text does nothing."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest
from playwright.async_api import Browser

from agentos_mcp.views.content import BlockPair, Half, PairRow, Pairs, RunHead, View, ViewContent
from agentos_mcp.views.page import build_page
from tests._support.browser import OpenView, opened
from tests._support.view_samples import (
    HOSTILE,
    SCRIPT,
    comparison,
    failed_run,
    hostile_comparison,
    hostile_run,
    hostile_trace,
    inbox,
    metrics,
    run_content,
    trace_of,
)

_DRAWN = """async (count) => {
  await new Promise(requestAnimationFrame);
  return [performance.now(), document.querySelectorAll("ol.bars > li").length];
}"""
_SCROLL = """async () => {
  const times = [];
  for (let share = 0; share <= 1; share += 0.05) {
    await new Promise(requestAnimationFrame);
    const begin = performance.now();
    scrollTo(0, share * document.documentElement.scrollHeight);
    document.elementFromPoint(450, 350).getBoundingClientRect();
    times.push(performance.now() - begin);
  }
  return times;
}"""
_WIDTH = "document.documentElement.scrollWidth"


def show(browser: Browser, view: View, content: ViewContent, width: int = 900) -> AbstractAsyncContextManager[OpenView]:
    return opened(browser, build_page(view, content.to_data()), viewport={"width": width, "height": 700})


def assert_quiet(view: OpenView) -> None:
    assert (view.problems, view.requests) == ([], [])


SAMPLES: dict[str, tuple[View, ViewContent]] = {
    "run": ("run", run_content()),
    "failed run": ("run", failed_run()),
    "hostile run": ("run", hostile_run()),
    "trace of 200 spans": ("trace", trace_of(200)),
    "hostile trace": ("trace", hostile_trace()),
    "metrics": ("metrics", metrics()),
    "metrics of many days": ("metrics", metrics(200)),
    "hostile metrics": ("metrics", metrics(3, f"{HOSTILE}{'x' * 5_000}")),
    "inbox": ("inbox", inbox()),
    "hostile inbox": ("inbox", inbox(HOSTILE, HOSTILE)),
    "two runs": ("compare", comparison()),
    "hostile two runs": ("compare", hostile_comparison()),
}


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> tuple[View, ViewContent]:
    return SAMPLES[request.param]


async def test_view_runs_nothing_and_reaches_nothing(browser: Browser, sample: tuple[View, ViewContent]) -> None:
    async with show(browser, *sample) as view:
        for button in await view.page.locator("button.row").all():
            await button.click()
            if await view.page.locator(".more").count() > 5:
                break
        assert await view.page.locator("script").count() == 2
        assert await view.page.locator("img, iframe, a, object, embed, form").count() == 0
        assert_quiet(view)


async def test_policy_stops_scripts_and_requests_even_of_markup_that_got_in(browser: Browser) -> None:
    page = build_page("run", run_content().to_data()).replace("<main", f"{SCRIPT}<main")
    async with opened(browser, page) as view:
        await view.wait_for("Timeline")
        assert not [problem for problem in view.problems if problem.startswith("dialog")]
        assert len(view.problems) >= 2, "the browser tells what the policy has stopped"
        assert view.requests == []


async def test_view_fits_a_narrow_and_a_wide_window(browser: Browser, sample: tuple[View, ViewContent]) -> None:
    for width in (320, 1600):
        async with show(browser, *sample, width=width) as view:
            assert await view.page.evaluate(_WIDTH) <= width


async def test_chart_has_a_description_and_its_table(browser: Browser) -> None:
    async with show(browser, "metrics", metrics()) as view:
        images = [await image.get_attribute("aria-label") for image in await view.page.get_by_role("img").all()]
        assert [str(label).partition(",")[0] for label in images] == ["Runs by day", "Tokens by day"]
        assert await view.page.get_by_role("row").count() == 16
        assert await view.page.locator("svg rect").count() > 50


async def test_card_says_what_is_asked_with_its_arguments_for_whom_and_since_when(browser: Browser) -> None:
    async with show(browser, "inbox", inbox()) as view:
        text = await view.text()
        for part in ("deploy", '"env": "prod"', "ada", "2026-01-31", "days ago", "answered by an admin", "approval-1"):
            assert part in text, part


async def test_first_difference_is_marked_and_unfolded_with_what_differs_in_it(browser: Browser) -> None:
    async with show(browser, "compare", comparison()) as view:
        (row,) = await view.page.get_by_role("button", expanded=True).all()
        name = await row.inner_text()
        assert name.startswith("tool search_web first difference differs: arguments")
        marked = [await mark.inner_text() for mark in await view.page.locator("mark").all()]
        assert marked == ["sencha", "gyokuro"]
        text = await view.text()
        assert "Output, the same in both" in text
        assert text.index("the provider is out of tokens") < text.index("Side by side")


async def test_screen_reader_is_told_which_run_a_half_of_a_row_is_of(browser: Browser) -> None:
    async with show(browser, "compare", comparison()) as view:
        for name in (
            "step write (Writer) differs: status, duration A: 2.6 s, 600 tokens B: failed 7.1 s, 600 tokens",
            "step review (Editor) only in A A: 1.2 s B: not there",
        ):
            assert await view.page.get_by_role("button", name=name).count() == 1, name


async def test_marks_of_what_differs_do_not_cut_a_character_in_two(browser: Browser) -> None:
    row = PairRow("write", Half(), Half(), blocks=(BlockPair("Output", "a\U0001f600b", "a\U0001f603b"),))
    content = ViewContent("x", pairs=Pairs(RunHead("A"), RunHead("B"), [row], 1.0))
    async with show(browser, "compare", content) as view:
        await view.page.get_by_role("button").click()
        assert [await mark.inner_text() for mark in await view.page.locator("mark").all()] == [
            "\U0001f600",
            "\U0001f603",
        ]


async def test_thousand_spans_are_drawn_within_a_second(browser: Browser) -> None:
    async with show(browser, "trace", trace_of(1_000)) as view:
        milliseconds, count = await view.page.evaluate(_DRAWN)
        assert count == 1_000
        assert milliseconds < 1_000


async def test_thousand_spans_scroll_at_ease(browser: Browser) -> None:
    async with show(browser, "trace", trace_of(1_000)) as view:
        milliseconds = sorted(await view.page.evaluate(_SCROLL))
        assert milliseconds[len(milliseconds) // 2] < 16, "within a frame"


async def test_failed_run_says_first_why(browser: Browser) -> None:
    async with show(browser, "run", failed_run()) as view:
        text = await view.text()
        assert text.index("the provider is out of tokens") < text.index("Timeline")


async def test_inputs_and_outputs_are_folded_until_they_are_asked_for(browser: Browser) -> None:
    async with show(browser, "trace", trace_of(10)) as view:
        assert "output 1" not in await view.text()
        row = view.page.get_by_role("button", name="step 1")
        assert await row.get_attribute("aria-expanded") == "false"
        await row.focus()
        await view.page.keyboard.press("Enter")
        assert "output 1" in await view.text()
        assert await row.get_attribute("aria-expanded") == "true"
        await view.page.keyboard.press("Space")
        assert "output 1" not in await view.text()


async def test_arrow_keys_move_between_rows(browser: Browser) -> None:
    async with show(browser, "trace", trace_of(10)) as view:
        await view.page.locator("button.row").first.focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
            await view.page.keyboard.press(key)
        assert "step 1" in await view.page.evaluate("document.activeElement.textContent")
        await view.page.keyboard.press("End")
        assert "step 9" in await view.page.evaluate("document.activeElement.textContent")


async def test_screen_reader_is_told_name_state_and_duration_of_a_row(browser: Browser) -> None:
    async with show(browser, "run", failed_run()) as view:
        for name in ("step write failed: the provider is out of tokens", "step research 2.0 s"):
            assert await view.page.get_by_role("button", name=name).count() == 1
        assert await view.page.get_by_role("status").inner_text() == "failed"


@pytest.mark.parametrize(
    ("view_name", "content"), [("run", failed_run()), ("compare", comparison())], ids=["run", "two runs"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_is_legible_in_light_and_dark(
    browser: Browser, scheme: str, view_name: View, content: ViewContent
) -> None:
    async with opened(browser, build_page(view_name, content.to_data()), color_scheme=scheme) as view:
        assert await view.page.evaluate(_LOWEST_CONTRAST) >= 4.5


async def test_live_page_says_when_the_command_that_served_it_has_ended(browser: Browser) -> None:
    content = ViewContent("workflow Pipeline", "running", "running", is_final=False)
    async with opened(browser, build_page("run", content.to_data(), live_key="key")) as view:
        await view.page.clock.install()
        said: list[str] = []
        while not said or "last seen" not in said[-1]:
            await view.page.clock.run_for(1_000)
            said.append(await view.page.locator("#outage").inner_text())
        assert "No news: The command that serves this page does not answer. Trying again." in said
        assert said[-1] == "This is how it was last seen. The command that served this page has ended."
        assert "Pipeline" in await view.text()
        assert len(view.requests) == 5
        await view.page.clock.run_for(120_000)
        assert len(view.requests) == 5


_LOWEST_CONTRAST = """() => {
  const parts = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (color) => {
    const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = parts(color).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
  };
  const ratios = [...document.querySelectorAll("main *")]
    .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
    .map((node) => [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a))
    .map(([bright, dark]) => (bright + 0.05) / (dark + 0.05));
  return Math.min(...ratios);
}"""
