"""What a reader can do next, as data: each surface words it for its own readers.

A model is told of tools (`list_runs(status='paused')`), a person at a terminal of commands
(`agentos-mcp runs --status paused`). So a sentence that names either holds a reference instead:

    hint("{list} shows what there is.", list=Action("list_sessions"))
    hint("Give {db}, one of: {ids}.", db=Parameter("db_id"), ids="main, archive")
    hint("Start it, or {set_url}.", set_url=Setting("url"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

Value = str | int | float | bool


@dataclass(frozen=True)
class Action:
    """An operation that a surface may offer, by the name of its tool.

    `arguments` are known; `parameters` are those that the reader has to give.
    """

    name: str
    arguments: Mapping[str, Value] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, /, *parameters: str, **arguments: Value) -> Action:
        return cls(name, arguments, parameters)


@dataclass(frozen=True)
class Parameter:
    """A parameter of the operation that was called, by its name in the tool; with a value where one is meant."""

    name: str
    value: Value | None = None


TOKEN_KINDS = "its security key, a JWT or a service account token"  # noqa: S105 - words
"""What AgentOS takes as a token."""


@dataclass(frozen=True)
class Setting:
    """What a person sets so that this program reaches an AgentOS: the `url` of one, or the `token` of that at
    `agentos_url`. Each surface words how, as a clause that goes on from "to do so," or "or".
    """

    name: Literal["url", "token"]
    agentos_url: str = ""


@dataclass(frozen=True)
class Page:
    """The page that shows a run, which a person opens: `run` is the run's id, `reference` the run's reference."""

    run: str
    reference: str


Reference = Action | Parameter
Detail = Reference | Setting | Page | Value


class Surface(Protocol):
    """How one kind of reader is told of actions and parameters."""

    def action(self, action: Action) -> str:
        """The action as this reader can take it; '' where it is not offered here."""
        ...

    def parameter(self, parameter: Parameter) -> str: ...

    def setting(self, setting: Setting) -> str: ...

    def page(self, page: Page) -> str:
        """How the reader, or the person whom they tell, opens the page; '' where that is not offered here."""
        ...

    def for_client(self, client_name: str, *, opens_pages: bool = False) -> Self:
        """The surface for the readers of one MCP client, by its name for itself.

        `opens_pages`: whoever uses the client can open pages by a command on this machine, and is shown none there.
        """
        ...


class PlainSurface:
    """For logs and for code: every action is named as its tool is."""

    def action(self, action: Action) -> str:
        arguments = [*action.parameters, *(f"{name}={value!r}" for name, value in action.arguments.items())]
        return f"{action.name}({', '.join(arguments)})" if arguments else action.name

    def parameter(self, parameter: Parameter) -> str:
        value = str(parameter.value).lower() if isinstance(parameter.value, bool) else parameter.value
        return parameter.name if value is None else f"{parameter.name}={value}"

    def setting(self, setting: Setting) -> str:
        if setting.name == "url":
            return "set AGENTOS_URL to where it runs"
        return f"put {TOKEN_KINDS} into a file that only you can read, and give --token-file PATH"

    def page(self, page: Page) -> str:
        return ""

    def for_client(self, _: str, *, opens_pages: bool = False) -> Self:
        return self


PLAIN = PlainSurface()


@dataclass(frozen=True)
class Sentence:
    """One sentence: a template of `str.format`, and what stands in it.

    A surface that does not offer one of its actions or pages says `otherwise` instead, or nothing.
    """

    template: str
    details: Mapping[str, Detail]
    otherwise: str = ""

    def render(self, surface: Surface) -> str:
        values: dict[str, object] = {}
        for name, detail in self.details.items():
            match detail:
                case Action():
                    values[name] = surface.action(detail)
                    if not values[name]:
                        return self.otherwise
                case Page():
                    values[name] = surface.page(detail)
                    if not values[name]:
                        return self.otherwise
                case Parameter():
                    values[name] = surface.parameter(detail)
                case Setting():
                    values[name] = surface.setting(detail)
                case _:
                    values[name] = detail
        return self.template.format_map(values)


@dataclass(frozen=True)
class Hint:
    """What to do next, in sentences; false where there is nothing to say."""

    sentences: tuple[str | Sentence, ...] = ()

    def render(self, surface: Surface) -> str:
        """The sentences for this surface's readers, '' where it offers nothing of what they name."""
        sentences = (sentence if isinstance(sentence, str) else sentence.render(surface) for sentence in self.sentences)
        return " ".join(filter(None, sentences))

    def __add__(self, other: Hint | str) -> Hint:
        return Hint((*self.sentences, *as_hint(other).sentences))

    def __bool__(self) -> bool:
        return bool(self.sentences)

    def __str__(self) -> str:
        return self.render(PLAIN)


def hint(template: str, /, *, otherwise: str = "", **details: Detail) -> Hint:
    """A hint of one sentence; the names in braces are `details`. `otherwise` stands in for actions not offered."""
    return Hint((Sentence(template, details, otherwise),))


def as_hint(value: Hint | str) -> Hint:
    """Words that name no tool, command or parameter need no references."""
    return value if isinstance(value, Hint) else Hint((value,) if value else ())
