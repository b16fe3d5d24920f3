#!/usr/bin/env bash
# The server of a FUSE mount has died and no process has its /dev/fuse open. Programs should get ENOTCONN; they wait.
# The server had sent the descriptor over a socket and nobody has received it yet. A message that waits in a socket
# keeps the descriptors in it open, and /proc/*/fd does not show them. When the socket is closed the connection ends.
# Whoever hands a mount over must see to it that the heir takes the message, or goes.
source "$(dirname "$0")/common.sh"
needs python3 /dev/fuse
kernel
mkdir mounted
cat >try.py <<'P'
import errno, fuse, os, socket, time
heir, dying = socket.socketpair()
server = os.fork()
if server == 0:
    socket.send_fds(dying, [b'yours'], [fuse.Server('mounted').device])
    os._exit(0)
os.waitpid(server, 0)
dying.close()
client = os.fork()
if client == 0:
    heir.close()
    try: os.stat('mounted/f')
    except OSError as error: os._exit(error.errno)
time.sleep(0.5)
seen = 'waits' if os.waitpid(client, os.WNOHANG) == (0, 0) else 'ended'
heir.close()
print(f'a program {seen}; socket closed:', errno.errorcode[os.waitpid(client, 0)[1] >> 8])
P
found 'a program ended, with ENOTCONN, before' 'a program waits; socket closed: ECONNABORTED' \
  "$(timeout -s INT 20 python3 try.py)"
