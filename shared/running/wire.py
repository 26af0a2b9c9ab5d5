"""Messages between processes: a pickle whose arrays travel beside it, straight from and
into their memory."""

import pickle
import socket
import struct
from typing import Any

import numpy as np


def send(sock: socket.socket, message: object) -> None:
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    views = [memoryview(head), *(b.raw() for b in buffers)]
    sizes = [view.nbytes for view in views]
    sock.sendall(struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes))
    for view in views:
        sock.sendall(view)


def receive(sock: socket.socket) -> Any:
    (number,) = struct.unpack("<I", _exactly(sock, 4))
    sizes = struct.unpack(f"<{number}Q", _exactly(sock, 8 * number))
    head, *buffers = [_exactly(sock, size) for size in sizes]
    return pickle.loads(head, buffers=buffers)


def _exactly(sock: socket.socket, size: int) -> memoryview:
    view = np.empty(size, np.uint8).data
    done = 0
    while done < size:
        got = sock.recv_into(view[done:])
        if got == 0:
            raise EOFError
        done += got
    return view
