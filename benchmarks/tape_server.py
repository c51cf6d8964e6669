"""A server on the loopback interface that answers like a model: at once, or in CHUNKS events. Ends with its stdin.

python tape_server.py CHUNKS
"""

import asyncio
import json
import sys

_WORDS = ["a", "process", "has", "memory", "of", "its", "own", "and", "a", "thread", "shares", "it"]
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nX-Request-Id: 17\r\n{}\r\n\r\n"


def _event(number: int) -> bytes:
    choice = {"index": 0, "delta": {"content": f"{_WORDS[number % len(_WORDS)]}{number} "}, "finish_reason": None}
    said = {"id": "chat-17", "object": "chat.completion.chunk", "created": 17, "model": "small", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(said).encode()


def _answer() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": " ".join(_WORDS * 8)}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 80, "completion_tokens": 120, "total_tokens": 200}
    said = {"id": "chat-17", "object": "chat.completion", "model": "small", "choices": [choice], "usage": usage}
    data = json.dumps(said).encode()
    return _HEAD.format("application/json", f"Content-Length: {len(data)}").encode() + data


def _stream(chunks: int) -> bytes:
    events = [*map(_event, range(chunks - 1)), b"data: [DONE]\n\n"]
    body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    return _HEAD.format("text/event-stream", "Transfer-Encoding: chunked").encode() + body + b"0\r\n\r\n"


async def main(chunks: int) -> None:
    """Serve until stdin is closed."""
    answer, stream = _answer(), _stream(chunks)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(line for line in head.split("\r\n") if line.lower().startswith("content-length"))
                await reader.readexactly(int(length.partition(":")[2]))
                writer.write(stream if head.startswith("POST /stream") else answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
