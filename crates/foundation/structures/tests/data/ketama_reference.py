#!/usr/bin/env python3
"""Asks libmemcached, the stock client, for the server of 10,000 keys with weighted ketama.

    pip install pylibmc && python3 ketama_reference.py FOLDER

The wheel of pylibmc brings libmemcached; no server is contacted. Writes ketama_equal.txt and
ketama_weighted.txt: a digit a key, the index of its server, 100 keys a line.
"""

import ctypes
import pathlib
import sys

import _pylibmc

KETAMA_WEIGHTED = 16  # memcached_behavior_t
KEYS = [f"user:{number}" for number in range(10_000)]
EQUAL = [("10.0.1.1", 11211, 1), ("10.0.1.2", 11211, 1), ("10.0.1.3", 11212, 1),
         ("cache-four", 11211, 1), ("cache-five", 11300, 1)]
WEIGHTED = [("10.0.1.1", 11211, 1), ("10.0.1.2", 11211, 2), ("10.0.1.3", 11212, 5),
            ("cache-four", 11211, 3), ("cache-five", 11300, 1)]


def library():
    site = pathlib.Path(_pylibmc.__file__).parent
    (path,) = site.glob("pylibmc.libs/libmemcached-*.so*")
    lib = ctypes.CDLL(str(path))
    lib.memcached_create.restype = ctypes.c_void_p
    lib.memcached_behavior_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64]
    lib.memcached_server_add_with_weight.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint16, ctypes.c_uint32]
    lib.memcached_generate_hash.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    lib.memcached_generate_hash.restype = ctypes.c_uint32
    return lib


def owners(lib, servers):
    client = lib.memcached_create(None)
    assert lib.memcached_behavior_set(client, KETAMA_WEIGHTED, 1) == 0
    for host, port, weight in servers:
        assert lib.memcached_server_add_with_weight(client, host.encode(), port, weight) == 0
    keys = [key.encode() for key in KEYS]
    return "".join(str(lib.memcached_generate_hash(client, key, len(key))) for key in keys)


def main():
    folder = pathlib.Path(sys.argv[1])
    lib = library()
    for name, servers in [("ketama_equal", EQUAL), ("ketama_weighted", WEIGHTED)]:
        digits = owners(lib, servers)
        lines = [digits[at:at + 100] for at in range(0, len(digits), 100)]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
