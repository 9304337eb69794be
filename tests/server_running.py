"""A server on a free port of this machine, in a thread: what tests talk to is a real socket."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import uvicorn

from apps.messages import Names
from apps.server import Opened, app
from graphs.conversation import Conversation


def scripted(conversation: Conversation) -> Opened:
    return lambda: nullcontext(conversation)


@contextmanager
def running(opened: Opened, collections: Names = lambda: ["401k", "benefits"]) -> Iterator[str]:
    config = uvicorn.Config(
        app(opened, collections), port=0, loop="asyncio", log_config=None, access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
