"""A server of FastMCP: ``python real_server.py`` speaks on its standard input and output; tests serve it over HTTP."""

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_http_headers
from pydantic import BaseModel


class Hit(BaseModel):
    title: str
    score: float


server: FastMCP = FastMCP("library")


@server.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool
def search(query: str, limit: int = 3) -> list[Hit]:
    """Searches the library."""
    return [Hit(title=f"{query} {at}", score=1 / at) for at in range(1, limit + 1)]


@server.tool
def fail() -> str:
    """Fails."""
    raise ValueError("the shelf is empty")


@server.tool
def whoami() -> str:
    """Says what key it was sent."""
    return get_http_headers(include_all=True).get("x-key", "nobody")


if __name__ == "__main__":
    server.run(show_banner=False)
