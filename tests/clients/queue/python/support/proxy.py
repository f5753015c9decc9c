"""A proxy that loses responses: the broker has done what was asked, and nobody hears of it."""

import random
import socket
import struct
import threading

PRODUCE = 0


class LosingProxy:
    """Stands before a broker and ends the connection instead of passing some responses on.

    Clients follow the address that the broker advertises, so that is rewritten on the way: its
    port is an int32 right after its host, in every version of the responses that name it."""

    def __init__(self, broker, seed, chance=0.3, most=15, key=PRODUCE):
        self.host, port = broker.rsplit(":", 1)
        self.port = int(port)
        self.random = random.Random(seed)
        self.chance, self.most, self.key = chance, most, key
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        own = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{own}"
        self.theirs = self.host.encode() + struct.pack(">i", self.port)
        self.ours = self.host.encode() + struct.pack(">i", own)
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Also wakes the thread that waits for connections.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection((self.host, self.port))
        asked = {}
        back = threading.Thread(target=self.answer, args=(server, client, asked), daemon=True)
        back.start()
        for frame in frames(client):
            key, _, correlation = struct.unpack(">hhi", frame[4:12])
            asked[correlation] = key
            try:
                server.sendall(frame)
            except OSError:
                break
        end(server)
        back.join()
        server.close()
        client.close()

    def answer(self, server, client, asked):
        for frame in frames(server):
            key = asked.pop(struct.unpack(">i", frame[4:8])[0], None)
            if key == self.key and self.lost < self.most:
                if self.random.random() < self.chance:
                    self.lost += 1
                    break
            try:
                client.sendall(frame.replace(self.theirs, self.ours))
            except OSError:
                break
        end(server)
        end(client)


def end(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def frames(connection):
    """What arrives, cut into requests or responses with their lengths."""
    data = b""
    while True:
        while len(data) >= 4 and len(data) >= 4 + struct.unpack(">i", data[:4])[0]:
            size = 4 + struct.unpack(">i", data[:4])[0]
            yield data[:size]
            data = data[size:]
        try:
            more = connection.recv(1 << 16)
        except OSError:
            return
        if not more:
            return
        data += more
