#!/usr/bin/env python3
"""Writes python.txt: blocks as the encoder of the Python package `hpack` makes them.

    pip install hpack==4.2.0
    python3 make.py > python.txt

A file is a sequence of lines; empty ones and those that start with # do not count:

    story NAME        a new connection: tables are empty and 4,096 octets large
    limit N           the decoder's SETTINGS_HEADER_TABLE_SIZE becomes N and is acknowledged
    block HEX         the next block
    field NAME: VALUE its fields, in order
    table N           what the dynamic table counts behind it (RFC 7541 Section 4.1)
    refused HEX       the next block, which must not be decoded
"""

import random

import hpack
from hpack.struct import NeverIndexedHeaderTuple

NAMES = [
    ":authority", ":method", ":path", ":scheme", ":status", "accept", "accept-encoding", "age",
    "authorization", "cache-control", "content-length", "content-type", "cookie", "date", "etag",
    "location", "refresh", "server", "set-cookie", "te", "user-agent", "vary", "x-request-id", "x-y",
]
VALUES = [
    "", "0", "200", "404", "GET", "POST", "/", "/index.html", "http", "https", "gzip, deflate",
    "text/html; charset=utf-8", "no-cache", "private, max-age=60", "www.example.com", "trailers",
    "Mon, 21 Oct 2013 20:13:21 GMT", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101",
]
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def value(rng):
    if rng.random() < 0.7:
        return rng.choice(VALUES)
    return "".join(rng.choice(VISIBLE) for _ in range(rng.choice([1, 7, 31, 126, 127, 128, 300])))


def damaged(name, seed, blocks):
    """Short blocks with a few octets changed, each on a connection of its own, and the verdict."""
    rng = random.Random(seed)
    verdicts = {"block": 0, "refused": 0}
    while sum(verdicts.values()) < blocks:
        fields = [(rng.choice(NAMES), rng.choice(VALUES)) for _ in range(rng.randint(1, 3))]
        block = bytearray(hpack.Encoder().encode(fields, huffman=rng.random() < 0.7))
        for _ in range(rng.randint(1, 2)):
            block[rng.randrange(len(block))] = rng.choice([rng.randrange(256), 0xFF, 0x00, 0x3F, 0xBE])
        decoder = hpack.Decoder()
        verdict = "block"
        try:
            decoded = decoder.decode(bytes(block), raw=True)
        except hpack.HPACKError:
            verdict = "refused"
        if verdict == "block" and not all(writable(*field) for field in decoded):
            continue
        # The two verdicts come in equal numbers.
        if verdicts[verdict] >= blocks // 2:
            continue
        verdicts[verdict] += 1
        print(f"\nstory {name}")
        print(verdict, block.hex())
        if verdict == "block":
            for field in decoded:
                print(f"field {field[0].decode()}: {field[1].decode()}")
            print("table", decoder.header_table._current_size)


def writable(name, value):
    """Whether a field line can say it."""
    return b": " not in name and all(0x20 <= octet < 0x7F for octet in name + value)


def story(name, seed, blocks, huffman, limits):
    rng = random.Random(seed)
    encoder = hpack.Encoder()
    print(f"\nstory {name}")
    for _ in range(blocks):
        # Where there are two changes between two blocks, they go up: the package tells of all of them,
        # and RFC 7541 Section 4.2 knows the lowest and the last only.
        for limit in sorted({rng.choice(limits) for _ in range(rng.choice([0, 0, 1, 2]) if limits else 0)}):
            encoder.header_table_size = limit
            print(f"limit {limit}")
        fields = []
        for _ in range(rng.randint(1, 9)):
            kind = NeverIndexedHeaderTuple if rng.random() < 0.1 else hpack.HeaderTuple
            fields.append(kind(rng.choice(NAMES), value(rng)))
        print("block", encoder.encode(fields, huffman=huffman).hex())
        for field in fields:
            print(f"field {field[0]}: {field[1]}")
        # The package keeps its count to itself.
        print("table", encoder.header_table._current_size)


print(f"# Made by make.py with hpack {hpack.__version__}.")
story("plain", 1, 12, False, [])
story("huffman", 2, 24, True, [])
story("small-table", 3, 12, True, [120])
story("changing-table", 4, 24, True, [0, 60, 200, 1000, 4096, 8000])
damaged("damaged", 5, 120)
