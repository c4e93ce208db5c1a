"""Listens on a socket as systemd does, and prints each message as a line. Usage:
notify-socket.py PATH [SECONDS]

With SECONDS it is also a watchdog. After a first WATCHDOG=1 it prints `starved` if no other comes
within that time. """
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("listening", flush=True)
watchdog = float(sys.argv[2]) if len(sys.argv) > 2 else None
while True:
    try:
        message, descriptors, _, _ = socket.recv_fds(listener, 4096, 4)
    except TimeoutError:
        print("starved", flush=True)
        listener.settimeout(None)
        continue
    for descriptor in descriptors:
        os.close(descriptor)  # a barrier: who waits on the other end knows now that all was read
    for line in message.decode().splitlines():
        print(line, flush=True)
        if line == "WATCHDOG=1":
            listener.settimeout(watchdog)
