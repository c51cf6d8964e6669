"""``binex answer``: say what a run waits for, also one of another process, or one that has ended meanwhile."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option

if TYPE_CHECKING:
    from binex.models.question import Answer, Question
    from binex.stores.run_store import RunStore


@click.command("answer")
@click.argument("run", required=False)
@click.argument("node", required=False)
@click.argument("value", required=False)
@click.argument("edited", required=False)
@click.option("--feedback", metavar="TEXT", help="With 'reject': what should be different.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="Read the answer from a file; - means stdin.",
)
@json_option
@directory_option
def command(  # noqa: PLR0913 - what can be typed
    *,
    run: str | None,
    node: str | None,
    value: str | None,
    edited: str | None,
    feedback: str | None,
    file: Path | None,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Answer what NODE of RUN asks, with VALUE: approve, reject, a choice or its number, text, or JSON.

    Where the run has stopped at a breakpoint, VALUE is continue, step, skip, retry, replay, quit, or 'edit' and, as
    EDITED or in a file, the JSON that is to be there instead.

    Without VALUE it asks at the terminal. Without NODE it lists what the run waits for, without RUN what all runs
    wait for.
    """
    import asyncio

    from binex.analysis.find import find_run
    from binex.analysis.questions import find_question, open_questions, refuse_if_ended
    from binex.cli.asking import is_somebody_there
    from binex.cli.reading import read

    if file is not None and (edited if value == "edit" else value) is not None:
        raise click.UsageError("the answer is there twice: as VALUE and as --file")

    async def find(store: "RunStore") -> "list[Question]":
        if run is None:
            return await open_questions(store)
        found = await find_run(store, run)
        if node is None:
            return await open_questions(store, found.id)
        return [await find_question(store, found, node)]

    questions, code = read(directory, find)
    is_asked_here = run is not None and value is None and file is None and is_somebody_there()
    if node is None and not (is_asked_here and len(questions) == 1):
        _print_list(questions, as_json, directory)
        return code
    question = questions[0]
    if edited is not None and (question.kind != "breakpoint" or value != "edit"):
        raise click.UsageError(f"Got unexpected extra argument ({edited:.40})")
    if edited is not None:
        value = f"{value} {edited}"
    refuse_if_ended(question)
    if is_asked_here:
        from binex.cli.asking import TerminalAsker

        answer = asyncio.run(TerminalAsker(directory=directory)(question))
        if answer is None:
            return 75
    else:
        answer = _read(question, value, feedback, file)
    _give(question, answer, as_json, directory)
    return code


def _read(question: "Question", value: str | None, feedback: str | None, file: Path | None) -> "Answer":
    """What somebody says.

    Raises:
        InputError: they say nothing, or it is no answer.
    """
    from binex.adapters.human_answer import MAX_ANSWER_BYTES, check_answer, read_answer, refuse_if_too_large
    from binex.cli.asking import whoever_types
    from binex.errors import InputError
    from binex.models.question import Answer, QuestionKind
    from binex.models.task import now

    if file is not None:
        with click.open_file(str(file), "rb") as stream:  # knows what - means
            data = stream.read(MAX_ANSWER_BYTES + 1)  # no more of it is of any use
        refuse_if_too_large(len(data))
        said = data.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if value is not None and question.kind is not QuestionKind.BREAKPOINT:
            raise click.UsageError("the answer is there twice: as VALUE and as --file")
        value = said if value is None else f"{value} {said}"  # the word 'edit', and what is edited
    if value is None:
        raise InputError(f"what is the answer for {question.task}?", fix="type it behind the task, or give --file")
    answer = read_answer(question, value)
    check_answer(question, answer, feedback)
    return Answer(value=answer, feedback=feedback, by=whoever_types(), at=now())


def _give(question: "Question", answer: "Answer", as_json: bool, directory: Path | None) -> None:
    """Keep the answer, and say how the run goes on."""
    import asyncio

    from binex.cli.options import typed
    from binex.cli.printing import print_json
    from binex.cli.reading import store_folder
    from binex.cli.render.text import escape
    from binex.cli.streams import write_note, write_result
    from binex.runtime.answering import give_answer
    from binex.stores.backends.sqlite import open_sqlite_store

    async def give() -> "tuple[Question, bool]":
        async with open_sqlite_store(store_folder(directory)) as store:
            settled = await give_answer(store, question, answer)
            return settled, await store.is_owned(question.run_id)

    settled, goes_on = asyncio.run(give())
    if as_json:
        print_json(settled)
    else:
        write_result(f"answered {escape(question.task)} of run {question.run_id}")
    write_note("the run goes on" if goes_on else f"next: {typed(f'resume {question.run_id}', directory)}")


def _print_list(questions: "list[Question]", as_json: bool, directory: Path | None) -> None:
    from binex.cli.render.look import Look
    from binex.cli.render.question import question_list
    from binex.cli.render.text import pretty_json
    from binex.cli.streams import write_result

    if as_json:
        write_result(pretty_json([question.model_dump(mode="json") for question in questions]))
    else:
        write_result("\n".join(question_list(questions, Look.of(sys.stdout), directory)) or "nobody is asked anything")
