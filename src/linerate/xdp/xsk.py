"""An XDP socket that only sends: its UMEM, its rings in memory, and its binding to one queue of an interface.

The numbers are those of include/uapi/linux/if_xdp.h; Documentation/networking/af_xdp.rst describes the rings.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import socket
import struct
import time
from dataclasses import dataclass
from threading import Lock

from ..errors import HostError

AF_XDP, SOL_XDP = 44, 283
MMAP_OFFSETS, TX_RING, UMEM_REG, FILL_RING, COMPLETION_RING, OPTIONS, MAX_TX_BUDGET = 1, 3, 4, 5, 6, 8, 9
TX_PAGES, FILL_PAGES, COMPLETION_PAGES = 0x80000000, 0x100000000, 0x180000000
UNALIGNED_CHUNKS, NEED_WAKEUP, OPTION_ZEROCOPY = 1, 1, 1
BIND_COPY, BIND_ZEROCOPY, BIND_NEED_WAKEUP = 2, 4, 8
SO_SNDBUFFORCE = 32
CHUNK_BYTES = 4096
RING_DESCRIPTORS = 2048
DESCRIPTOR_BYTES, ADDRESS_BYTES = 16, 8
TX_BUDGET = 1024
"""Packets that one system call may send in copy mode; kernels without the option send 32."""
SEND_BUFFER_BYTES = 4 << 20
"""Room for the packets of a full ring that a NIC has not sent yet."""

FREED_SECONDS, POLL_SECONDS = 1.0, 0.02
"""The kernel frees a queue some time after its socket was closed."""


@dataclass(frozen=True)
class Region:
    """The memory that the kernel sends from. ``unaligned``: a packet may start and end anywhere."""

    memory: mmap.mmap
    unaligned: bool


class Ring:
    """One ring that is shared with the kernel, which maps ``entries`` of ``entry_bytes`` at ``page_offset``.

    ``producer``, ``consumer`` and ``flags`` are views of one 32-bit number each; ``entries`` is the array as bytes.
    """

    def __init__(
        self, fd: int, offsets: tuple[int, int, int, int], page_offset: int, count: int, entry_bytes: int
    ) -> None:
        producer, consumer, entries, flags = offsets
        size = entries + count * entry_bytes
        self._map = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=page_offset)
        whole = memoryview(self._map)
        self.producer, self.consumer, self.flags = (whole[at : at + 4].cast("I") for at in (producer, consumer, flags))
        self.entries = whole[entries:size]
        self._views = (self.producer, self.consumer, self.flags, self.entries, whole)

    def close(self) -> None:
        """Unmap it: a mapping keeps the socket open."""
        for view in self._views:
            view.release()
        self._map.close()


class XdpSocket:
    """A bound XDP socket. ``zerocopy`` is what the kernel reports (XDP_OPTIONS), ``flags`` the number it is from.

    HostError names what is missing: the kernel's support, a capability, lockable memory, a free queue.
    """

    def __init__(
        self, interface: str, queue: int, region: Region, zerocopy: bool, count: int = RING_DESCRIPTORS
    ) -> None:
        self._where = f"{interface}, queue {queue}"
        self.count = count
        self._rings: list[Ring] = []
        self._lock = Lock()
        self._socket = _open()
        try:
            self._register(region)
            for option in (FILL_RING, COMPLETION_RING, TX_RING):
                self._socket.setsockopt(SOL_XDP, option, count)
            self._map()
            self._try_options()
            self._bind(interface, queue, zerocopy)
            self.flags = struct.unpack("I", self._socket.getsockopt(SOL_XDP, OPTIONS, 4))[0]
        except BaseException:
            self.close()
            raise
        self.zerocopy = bool(self.flags & OPTION_ZEROCOPY)

    def close(self) -> None:
        """Free the queue; the kernel does the same when the process ends."""
        for ring in self._rings:
            ring.close()
        self._socket.close()

    def publish(self, produced: int) -> None:
        """Tell the kernel of all descriptors up to the number ``produced``."""
        # An atomic operation, so that no processor writes the number before the descriptors.
        self._lock.acquire()
        self._lock.release()
        self.tx.producer[0] = produced & 0xFFFFFFFF

    def completed(self) -> int:
        """How many packets, modulo 2^32, the kernel has finished; their places in the ring are free again."""
        produced: int = self.completion.producer[0]
        self.completion.consumer[0] = produced
        return produced

    def consumed(self) -> int:
        """How many descriptors, modulo 2^32, the kernel has read."""
        consumed: int = self.tx.consumer[0]
        return consumed

    def wake(self) -> int:
        """Let the kernel send where it must be told to; 0, or the number of the error."""
        if not self.tx.flags[0] & NEED_WAKEUP:
            return 0
        try:
            self._socket.send(b"", socket.MSG_DONTWAIT)
        except OSError as error:
            return int(error.errno or 0)
        return 0

    def _register(self, region: Region) -> None:
        address = ctypes.addressof(ctypes.c_char.from_buffer(region.memory))
        flags = UNALIGNED_CHUNKS if region.unaligned else 0
        size = len(region.memory)
        _raise_memlock()
        try:
            self._socket.setsockopt(SOL_XDP, UMEM_REG, struct.pack("=QQIIII", address, size, CHUNK_BYTES, 0, flags, 0))
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise _memlock_error(size) from error
            raise

    def _map(self) -> None:
        # Kernels before 5.4 have no field for the flags, and a third fewer numbers.
        found = self._socket.getsockopt(SOL_XDP, MMAP_OFFSETS, 128)
        numbers = struct.unpack(f"={len(found) // 8}Q", found)
        tx, _, completion = (numbers[start : start + 4] for start in (4, 8, 12))
        fd = self._socket.fileno()
        self.tx = Ring(fd, tx, TX_PAGES, self.count, DESCRIPTOR_BYTES)
        self.completion = Ring(fd, completion, COMPLETION_PAGES, self.count, ADDRESS_BYTES)
        self._rings = [self.tx, self.completion]
        self.entries = self.tx.entries

    def _try_options(self) -> None:
        for level, option, value in (
            (socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES),
            (SOL_XDP, MAX_TX_BUDGET, TX_BUDGET),
        ):
            try:
                self._socket.setsockopt(level, option, value)
            except OSError:
                # Not this kernel's, or not this user's: it sends with the kernel's own value.
                continue

    def _bind(self, interface: str, queue: int, zerocopy: bool) -> None:
        mode = BIND_ZEROCOPY if zerocopy else BIND_COPY
        index = socket.if_nametoindex(interface)
        address = struct.pack("=HHIII", AF_XDP, mode | BIND_NEED_WAKEUP, index, queue, 0)
        libc, end = ctypes.CDLL(None, use_errno=True), time.monotonic() + FREED_SECONDS
        while libc.bind(self._socket.fileno(), address, len(address)) != 0:
            number = ctypes.get_errno()
            if number != errno.EBUSY or time.monotonic() > end:
                raise self._refusal(number, zerocopy)
            time.sleep(POLL_SECONDS)

    def _refusal(self, number: int, zerocopy: bool) -> HostError:
        rule, hint = _BIND_ERRORS.get(number, (os.strerror(number), "Use another interface or send method."))
        if zerocopy and number in (errno.EOPNOTSUPP, errno.EINVAL):
            rule, hint = "its driver has no zero-copy for XDP sockets", "Use the adapter copy."
        return HostError("XDP socket", self._where, rule, hint)


_BIND_ERRORS = {
    errno.EBUSY: ("is in use by another XDP socket", "End its program, or use another queue."),
    errno.EINVAL: ("is not a queue of this interface", "Use a queue that /sys/class/net/INTERFACE/queues lists."),
    errno.ENETDOWN: ("is down", "Bring the interface up."),
}


def _open() -> socket.socket:
    try:
        return socket.socket(AF_XDP, socket.SOCK_RAW, 0)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise HostError("XDP socket", None, "CAP_NET_RAW is missing", "Run as root.") from error
        rule = f"the kernel has none ({error.strerror})"
        raise HostError("XDP socket", None, rule, "Use a kernel with CONFIG_XDP_SOCKETS, or another engine.") from error


def _raise_memlock() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most))


def _memlock_error(size: int) -> HostError:
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    rule = f"{size:,} B must be locked in memory, and RLIMIT_MEMLOCK allows {most:,} B"
    return HostError("XDP socket", None, rule, "Raise it (ulimit -l), or run with CAP_IPC_LOCK.")
