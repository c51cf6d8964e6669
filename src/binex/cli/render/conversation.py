"""What was said between a task and its models."""

from collections.abc import Iterator, Sequence

from binex.analysis.tasks.model_rounds import Round, SeenMessage, ToolUse
from binex.cli.render.blocks import block, sentence, value_block
from binex.cli.render.errors import in_one_line
from binex.cli.render.look import Look
from binex.cli.render.text import escape


def conversation(rounds: Sequence[Round], look: Look, indent: int) -> Iterator[str]:
    """Every message that the models saw, and what they said."""
    edge = " " * indent
    for one in rounds:
        again = " (after all of the above)" if one.is_continued else ""
        yield f"{edge}{look.paint(escape(one.call), 'strong')}  {escape(one.model)}{look.paint(again, 'faint')}"
        if one.tools:
            yield look.paint(f"{edge}  may use {escape(', '.join(one.tools))}", "faint")
        for message in one.messages:
            yield from _message(message, look, indent + 2)
        yield from _reply(one, look, indent + 2)


def _message(message: SeenMessage, look: Look, indent: int) -> Iterator[str]:
    name = f" {message.name}" if message.name else ""
    yield f"{' ' * indent}{look.paint(escape(message.role + name), 'busy')}"
    if message.content not in ("", None):
        yield from value_block(message.content, look, indent + 2)
    for use in message.tool_uses:
        yield from _use(use, look, indent + 2)


def _reply(one: Round, look: Look, indent: int) -> Iterator[str]:
    edge = " " * indent
    arrow = look.glyph("→", "->")
    if one.reply is not None:
        yield f"{edge}{look.paint(f'{arrow} reply', 'good')}"
        yield from block(one.reply, look, indent + 2)
    for use in one.tool_uses:
        yield f"{edge}{look.paint(f'{arrow} wants a tool', 'good')}"
        yield from _use(use, look, indent + 2)
    if one.error is not None:
        for line in sentence(f"{arrow} {in_one_line(one.error)}", look, indent):
            yield look.paint(line, "bad")


def _use(use: ToolUse, look: Look, indent: int) -> Iterator[str]:
    yield from block(f"{use.name}({use.arguments})", look, indent)
