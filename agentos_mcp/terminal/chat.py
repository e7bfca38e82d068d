"""`agentos-mcp chat`: a conversation that goes on in one session, a line for each message."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest
from agentos_mcp.agentos.inputs.schemas import input_error
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars
from agentos_mcp.agentos.runs.run import Kind, Status, new_id
from agentos_mcp.runs.request import RunOptions, build_request
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.exit_codes import FAILED, INTERRUPTED, exit_code_for_error, exit_code_for_run
from agentos_mcp.terminal.interrupts import read_line_until_interrupt
from agentos_mcp.terminal.output import print_json_line
from agentos_mcp.terminal.program_name import PROGRAM
from agentos_mcp.terminal.question_prompts import can_prompt
from agentos_mcp.terminal.run_commands import FollowedRun, follow_to_end, meant_component
from agentos_mcp.terminal.run_display import RunDisplay
from agentos_mcp.terminal.run_summary import run_document, summary_lines
from agentos_mcp.terminal.terminal_features import colorize
from agentos_mcp.tooling.context import ToolContext

_EXIT_COMMANDS = ("/exit", "/quit")
_PROMPT = "> "


async def chat(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Run the component with each line of standard input, in one session; the exit code."""
    kind, query = await meant_component(ctx, options.kind, options.name)
    component = await ctx.catalog.find(kind, query)
    conversation = _Conversation(ctx, component.kind, component.id, options)
    conversation.print_notice(
        f"Chat with the {component.kind} {one_line(component.name)}, session {conversation.session_id}. "
        f"{_EXIT_COMMANDS[0]} or Ctrl-D ends it; Ctrl-C cancels an answer."
    )
    exit_code = await conversation.hold()
    if conversation.has_begun:
        print(f"Go on with: {conversation.resume_line}", file=sys.stderr)
    return exit_code


class _Conversation:
    def __init__(self, ctx: ToolContext, kind: Kind, component: str, options: argparse.Namespace) -> None:
        self._ctx = ctx
        self._kind: Kind = kind
        self._component = component
        self._json = options.json
        self._surface = CommandSurface.of(options)
        self._user_id = options.user_id
        self._at_terminal = can_prompt()
        self.session_id = options.session_id or new_id()
        self.has_begun = bool(options.session_id)
        """There is a session to go on with."""

    @property
    def resume_line(self) -> str:
        user = ["--user-id", self._user_id] if self._user_id else []
        return self._surface.command_line("chat", self._kind, self._component, "--session-id", self.session_id, *user)

    def print_notice(self, text: str) -> None:
        """Say something to a person; a pipe has only answers and errors."""
        if self._at_terminal:
            print(colorize(text, "dim", sys.stderr), file=sys.stderr)

    async def hold(self) -> int:
        """Answer until the input ends, /exit, or Ctrl-C at the prompt; the exit code."""
        while True:
            try:
                message = await read_line_until_interrupt(_PROMPT if self._at_terminal else "")
            except EOFError:
                if self._at_terminal:
                    print(file=sys.stderr)
                return 0
            if message is None:
                print(file=sys.stderr)
                return INTERRUPTED
            if message.strip().casefold() in _EXIT_COMMANDS:
                return 0
            if message.strip() and (exit_code := await self._answer(message)):
                return exit_code

    async def _answer(self, message: str) -> int:
        """Print the answer to a message; an exit code where the conversation cannot go on, else 0.

        A person sees what failed and can go on; a pipe would go on blindly.
        """
        try:
            followed = await self._run(message)
        except AgentOSError as error:
            hint = error.hint.render(self._ctx.surface)
            if self._json:
                print_json_line({"error": error.message, "next": hint}, self._ctx.settings)
            print(strip_control_chars(f"{PROGRAM}: {error.message} {hint}".rstrip()), file=sys.stderr)
            return 0 if self._at_terminal else exit_code_for_error(error)
        if followed.interrupt_count > 1 or (followed.interrupt_count and not self._at_terminal):
            return INTERRUPTED
        return 0 if self._at_terminal else exit_code_for_run(followed.state)

    async def _run(self, message: str) -> FollowedRun:
        options = RunOptions(session_id=self.session_id, user_id=self._user_id or self._ctx.settings.user_id)
        request = await build_request(self._ctx, self._kind, self._component, message, options)
        state = self._ctx.engine.new_run(request)
        display = RunDisplay(stream=not self._json)
        try:
            followed = await follow_to_end(
                self._ctx,
                state,
                partial(self._ctx.engine.run, request, state),
                display,
                owns_run=True,
                may_ask=not self._json,
            )
        except InvalidRequest as error:
            raise input_error(error) from error
        self.has_begun = True
        if self._json:
            print_json_line(run_document(followed.state, self._ctx.surface), self._ctx.settings)
            return followed
        display.finish(followed.state)
        if followed.state.status is not Status.COMPLETED or exit_code_for_run(followed.state) == FAILED:
            for line, color in summary_lines(followed.state, self._surface, questions_shown=followed.questions_shown):
                display.print_line(line, color)
        return followed
