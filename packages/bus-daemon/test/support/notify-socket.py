"""Listens on a socket as systemd does, and prints what it is told, a line each. Usage: notify-socket.py PATH"""
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("listening", flush=True)
while True:
    message, descriptors, _, _ = socket.recv_fds(listener, 4096, 4)
    for descriptor in descriptors:
        os.close(descriptor)  # a barrier: who waits on the other end knows now that all was read
    for line in message.decode().splitlines():
        print(line, flush=True)
