"""``binex doctor``: finds damage, repairs it, and says so."""

import sqlite3

from tests.cli.conftest import Shell


def test_a_sound_store_is_said_to_be_sound(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    said = shell("doctor")
    assert said.code == 0
    assert said.out.endswith(" is sound\n") or "is sound, with the warnings above" in said.out
    assert all(finding["severity"] != "damage" for finding in shell("doctor", "--json").json()["found"])


def test_a_torn_artifact_file_is_found_and_repaired(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    (file,) = (shell.folder / ".binex" / "artifacts").glob("*/*~a~output.json")
    file.unlink()
    said = shell("doctor", "--repair")
    assert said.code == 0
    assert said.out.startswith("Done\n")
    assert file.is_file()


def test_a_lost_record_is_damage(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    with sqlite3.connect(shell.folder / ".binex" / "binex.db") as database:
        database.execute("UPDATE records SET doc = '{' WHERE task = 'a'")
    database.close()
    said = shell("doctor")
    assert said.code == 4
    assert "damage" in said.out
    assert "is damaged in 1 place" in said.out
    assert shell("doctor", "--json").code == 4
    for command in ("debug", "trace"):
        said = shell(command)
        assert said.code == 4
        assert said.err.startswith("damaged: ")
        assert "✓ b" in said.out
    assert shell("debug", "--json").json()["damage"][0]["message"] == "1 of 2 cannot be read"


def test_a_file_that_is_no_database_is_salvaged_from_its_artifacts(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    database = shell.folder / ".binex" / "binex.db"
    for beside in database.parent.glob("binex.db-*"):
        beside.unlink()
    database.write_bytes(b"this is no database at all" * 400)
    assert shell("runs").code == 3
    assert shell("doctor").code == 4
    assert shell("doctor", "--repair").code == 3
    said = shell("doctor", "--salvage")
    assert said.out.startswith("Done\n")
    assert shell("runs").code == 0


def test_one_thing_at_a_time(shell: Shell) -> None:
    said = shell("doctor", "--repair", "--salvage")
    assert said.code == 2


def test_no_store_is_bad_input(shell: Shell) -> None:
    for options in ([], ["--repair"], ["--salvage"]):
        said = shell("doctor", *options)
        assert said.code == 2
        assert "nothing has been run here" in said.err
    assert not (shell.folder / ".binex").exists()
