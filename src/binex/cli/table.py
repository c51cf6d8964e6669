"""The table of commands. A new command is one file and one line here."""

COMMANDS: dict[str, tuple[str, str, str]] = {
    # name: (section, module in binex.cli, help in one line)
    "hello": ("Start here", "hello", "Run a demo: eight documents, read and compared."),
    "run": ("Execute", "run", "Run a workflow file."),
    "resume": ("Execute", "resume", "Go on with a run that stopped."),
    "replay": ("Execute", "replay", "Execute a run again, from its tape or with something changed."),
    "answer": ("Execute", "answer", "Answer what a run is waiting for."),
    "cancel": ("Execute", "cancel", "Stop a run, also one of another process."),
    "runs": ("Look", "runs", "List runs, newest first."),
    "trace": ("Look", "trace", "Show when everything in a run happened."),
    "debug": ("Look", "debug", "Show everything about a run: verdict, errors, what to do next."),
    "artifacts": ("Look", "artifacts", "List and show what the tasks of a run made."),
    "calls": ("Look", "calls", "List and show what a run exchanged with the outside."),
    "why": ("Look", "why", "Show why a task ran or did not, beside the nearest earlier one."),
    "cost": ("Look", "cost", "Show what a run cost, by node and by model."),
    "validate": ("Write", "validate", "Check workflow files without running anything."),
    "agents": ("Write", "agents", "Show whom a workflow talks to, prices and keys."),
    "schema": ("Write", "schema", "Print the JSON Schema of the workflow file, for editors."),
    "export": ("Share", "export", "Write a run to one file."),
    "import": ("Share", "import_run", "Take in a run that was exported elsewhere."),
    "doctor": ("Maintain", "doctor", "Find what is damaged in the store, and repair it."),
}
