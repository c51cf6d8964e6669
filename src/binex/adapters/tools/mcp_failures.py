"""Why an MCP server is of no use, in words: which one, what it did, what it said last, and what to do about it."""

from binex.adapters.tools.answer import shorten
from binex.adapters.tools.mcp_http import Refusal, place_of
from binex.adapters.tools.mcp_process import McpProcess
from binex.errors import INSTALL_AGENTS, AgentError, AuthenticationError, BadReplyError, RemoteError
from binex.models.agent_settings import McpServer


class McpFailures:
    """The errors of one server."""

    def __init__(self, name: str, server: McpServer) -> None:
        self._name = name
        self._host = f"mcp://{name}"
        if server.command is not None:
            what = shorten(" ".join([server.command, *server.args]), 120)
        else:
            what = place_of(server.url or "")
        self._shown = f"the MCP server '{name}' ({what})"

    def of(self, error: BaseException, process: McpProcess | None, met: list[Refusal], start_s: float) -> AgentError:
        """What *error*, which ended the connection, means; *met* are the refusals that were met on the way."""
        error = _innermost(error)
        if isinstance(error, BadReplyError):
            return self.no_mcp(error.message)
        if isinstance(error, RemoteError):
            return error
        if isinstance(error, ImportError):
            what = f"tools of MCP servers need a library that is not installed: {error.name or error}"
            return AgentError(what, fix=INSTALL_AGENTS, is_retryable=False)
        said = shorten(str(error), 300) or type(error).__name__
        if process is not None and process.exit_code is not None:
            failure = self.died(process, "before it answered initialize")
        elif isinstance(error, TimeoutError):
            failure = self.failed(f"did not answer initialize in {start_s:g} s", process)
        elif met:
            failure = self.refused(met[-1], said)
        elif process is not None:
            failure = self.failed(f"did not open the connection: {said}", process)
        else:
            failure = self.failed(f"cannot be reached: {said}", fix="is it running? is the address right?")
        return failure

    def died(self, process: McpProcess, when: str) -> RemoteError:
        """Its process has ended, or at least says no more."""
        code = process.exit_code
        if code is None:
            return self.failed(f"closed its output {when}", process)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return self.failed(f"{how} {when}", process)

    def failed(self, what: str, process: McpProcess | None = None, *, fix: str | None = None) -> RemoteError:
        """It did *what*."""
        words = process.last_words if process is not None else ""
        stray = process.stray if process is not None else ""
        said = f"; it wrote {stray!r} where messages are expected" if stray else ""
        said += f"; its last words:\n{words}" if words else ""
        if fix is None and process is not None:
            fix = "start it by hand, with the same command, to see what is wrong"
        return RemoteError(f"{self._shown} {what}{said}", fix=fix, host=self._host, body=words)

    def refused(self, refusal: Refusal, said: str) -> RemoteError:
        """It answered with an HTTP status that says no."""
        message = f"{self._shown} answered {refusal.status} {refusal.reason}: {shorten(said, 300)}"
        if refusal.status in (401, 403):
            fix = f"give what it asks for in mcp_servers.{self._name}.headers: Authorization: Bearer ${{secret.NAME}}"
            return AuthenticationError(message, fix=fix, host=self._host, status=refusal.status)
        wait = refusal.retry_after_ms
        return RemoteError(message, host=self._host, status=refusal.status, retry_after_ms=wait)

    def no_mcp(self, said: str) -> BadReplyError:
        """What it answered is not what the protocol allows."""
        return BadReplyError(f"{self._shown} answered with what is not MCP: {shorten(said, 300)}", host=self._host)


def _innermost(error: BaseException) -> BaseException:
    """What happened first, out of the groups that the libraries wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
