"""A web server with firmware files, and with answers that no honest one gives."""

import asyncio
from contextlib import asynccontextmanager


class ImageServer:
    """Answers by path: bytes of a file, or a function that is given the writer."""

    def __init__(self):
        self.port = 0
        self.answers = {}
        self.asked = []
        """Paths, in order."""
        self.headers = []
        """Of each request, as they came."""

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def url(self, path):
        return f"http://{self.host}{path}"

    def serve(self, path, content):
        """The address of a file."""
        self.answers[path] = content
        return self.url(path)

    def redirect(self, path, location):
        async def answer(writer):
            writer.write(
                f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")
            )

        return self.serve(path, answer)

    def raw(self, path, *pieces, hold=False):
        """These bytes; then the connection ends, or nothing more comes."""

        async def answer(writer):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if hold:
                await asyncio.Event().wait()

        return self.serve(path, answer)

    async def _take(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1]
            self.asked.append(path)
            self.headers.append(head)
            content = self.answers.get(path)
            if content is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            elif callable(content):
                await content(writer)
            else:
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
            await writer.drain()
        except OSError:
            pass  # the client left
        finally:
            writer.close()


@asynccontextmanager
async def image_server():
    server = ImageServer()
    tasks = set()

    def begin(reader, writer):
        task = asyncio.create_task(server._take(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(begin, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
