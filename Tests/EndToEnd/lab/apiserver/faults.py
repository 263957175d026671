"""How the server misbehaves when a test has ordered it: instead of an answer, on the way of one, or in the midst of a watch."""

import socket
import struct
import threading
import time


class Torn(Exception):
    """The connection is to be cut; nothing that is still to be written may go out."""

    def __init__(self, *, by_reset=False):
        self.by_reset = by_reset


class Faults:
    """Orders, each for requests of one verb ("*": any) and a number of times (None: until they are cleared).

    An order has one or more of:
      status, body, retryAfter   answer with this code; the body is a Status unless text is given
      tear                       cut the connection after so many bytes of the body
      fragment                   [bytes, seconds]: write in pieces of so many bytes with pauses between
      stall                      seconds to say nothing before the answer
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.orders = []

    def order(self, verb, times, action):
        with self.lock:
            self.orders.append({"verb": verb, "times": times, "action": action})

    def clear(self):
        with self.lock:
            self.orders.clear()

    def take(self, verb):
        """What to do to this request: the first order that is for it, which is one less then."""
        with self.lock:
            for order in self.orders:
                if order["verb"] in (verb, "*"):
                    if order["times"] is not None:
                        order["times"] -= 1
                        if order["times"] == 0:
                            self.orders.remove(order)
                    return order["action"]
        return {}


class Outlet:
    """A connection's way out, which keeps to an order of `Faults`."""

    def __init__(self, write, action):
        self.write_all = write
        self.left = action.get("tear")
        self.fragment = action.get("fragment")

    def write(self, data):
        if self.left is not None:
            data = data[: self.left]
            self.left -= len(data)
        if self.fragment:
            size, pause = self.fragment
            for begin in range(0, len(data), size):
                self.write_all(data[begin:begin + size])
                time.sleep(pause)
        else:
            self.write_all(data)
        if self.left == 0:
            raise Torn


def cut(connection, *, by_reset):
    """Ends a TCP connection without a word of TLS, by RST or as if all had been said."""
    if by_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
