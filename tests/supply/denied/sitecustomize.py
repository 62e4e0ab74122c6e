"""Denies a Python process, and all that it starts, the network; Python imports this before anything else.

Two nets. An audit hook sees who asks: it writes each attempt with its traceback to `$DENIED_ATTEMPTS` and raises. A filter of
system calls (seccomp) ends the process that makes a socket of the internet behind Python's back, from a library in C.
With `$DENIED_SERVER` set a server on 127.0.0.1 is allowed, and only the hook looks.
"""

import ctypes
import os
import platform
import socket
import struct
import sys
import traceback

_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_NUMBER = {"x86_64": 41, "aarch64": 198}  # of the system call `socket`
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_KILL, _ALLOW = 0x80000000, 0x7FFF0000
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _filter_system_calls(number: int) -> None:
    instructions = [
        (_LOAD, 0, 0, 0),  # the number of the call
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, 16),  # its first argument
        (_EQUAL, 1, 0, _FAMILIES[0]),
        (_EQUAL, 0, 1, _FAMILIES[1]),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in instructions))
    program = _Program(len(instructions), ctypes.addressof(code))
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or system.prctl(_SECCOMP, _FILTER, ctypes.byref(program)):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def _deny(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.__new__" and arguments[1] in _FAMILIES and not _SERVER:
        # urllib3, which torch_geometric imports, makes a socket once to see whether this machine knows IPv6: nothing is sent.
        if any(frame.name == "_has_ipv6" for frame in traceback.extract_stack()):
            raise PermissionError("the network is denied")
        what: object = "a socket"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        what = arguments[0]
    elif event in ("socket.connect", "socket.bind", "socket.sendto") and isinstance(arguments[1], tuple):
        what = arguments[1][0]
    else:
        return
    if _SERVER and what == "127.0.0.1":
        return
    with open(os.environ["DENIED_ATTEMPTS"], "a", encoding="utf-8") as file:  # noqa: PTH123  # pathlib is not imported for all
        file.write(f"{event} {what!r} by {sys.argv}\n{''.join(traceback.format_stack()[-12:])}\n")
    raise PermissionError(f"the network is denied: {event} {what!r}")


_SERVER = "DENIED_SERVER" in os.environ
sys.addaudithook(_deny)
if not _SERVER and sys.platform == "linux" and platform.machine() in _NUMBER:
    _filter_system_calls(_NUMBER[platform.machine()])
