"""An MCP server with one tool: it finds lines in the texts of the folder ``shelf``."""

from pathlib import Path

from mcp.server import MCPServer

SHELF = Path(__file__).with_name("shelf")
server = MCPServer("shelf")


@server.tool()
def find(words: str) -> list[dict[str, str]]:
    """Find the lines that have all the words in them.

    Args:
        words: What to look for, separated by spaces.
    """
    wanted = words.lower().split()
    return [
        {"source": text.name, "line": line}
        for text in sorted(SHELF.glob("*.txt"))
        for line in text.read_text("utf-8").splitlines()
        if all(word in line.lower() for word in wanted)
    ]


if __name__ == "__main__":
    server.run("stdio")
