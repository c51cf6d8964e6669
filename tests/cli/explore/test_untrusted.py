"""What agents, people and files say is shown as it is: it is neither markup nor obeyed."""

from tests.cli.explore.conftest import Lab

NASTY = "[red]x[/red] [link=http://a.b]y[/link] [@click=app.quit]z[/] \x1b[31mS\x1b]8;;http://c\x07L \u202egnp"
SHOWN = "[red]x[/red] [link=http://a.b]y[/link] [@click=app.quit]z[/] \\x1b[31mS\\x1b]8;;http://c\\x07L \\u202egnp"
FLOW = """
name: "[bold]flow[/bold]"
inputs: {text: {default: ""}}
nodes:
  a: {agent: local://steps.give, inputs: {value: "${user.text}"}}
  b: {agent: local://steps.refuse, inputs: {value: "${a.output}"}}
"""


async def test_markup_and_what_terminals_obey_stand_there_as_text(lab: Lab) -> None:
    lab.write("steps.py", "def give(value): return value\ndef refuse(value): raise ValueError(value)\n")
    lab.write("flow.yaml", FLOW)
    run = await lab.run("flow.yaml", text=NASTY)
    async with lab.explore(size=(200, 50)) as looker:
        await looker.sees("[bold]flow[/bold]")
        await looker.press("enter")
        await looker.sees(SHOWN, "[bold]flow[/bold]")
        for tab in "2345":
            await looker.press(tab)
            await looker.sees(run.id)
            assert "\x1b" not in looker.text
        await looker.press("down")
        await looker.sees("a.output", SHOWN)
        await looker.press("4", "down")
        await looker.sees(SHOWN)
        picture = "\n".join(looker.picture)
        assert "[red]x[/red]" in picture
        assert not {"\x1b", "\x07", "\u202e"} & set(picture)


async def test_a_search_for_markup_and_its_error_are_text_too(lab: Lab) -> None:
    await lab.run()
    async with lab.explore() as looker:
        await looker.press("slash")
        await looker.fill("status:[red]")
        await looker.press("enter")
        await looker.sees("'[red]' is not one of")
