"""The program ``binex``, which ``python -m binex`` is too. Nothing is imported before Ctrl-C is taken care of."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def start() -> "NoReturn":
    """Do what the command line says, in a process of its own, and end with its exit code.

    What a command loads is no garbage, neither while it starts nor when it ends: at Python's usual settings, looking
    for some takes a tenth of the time of a command that only reads.
    """
    try:
        import gc

        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        from binex.cli.main import main

        code = main()
        gc.freeze()
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)


if __name__ == "__main__":
    start()
