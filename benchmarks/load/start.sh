#!/bin/sh
# The product as a target of the load bench: in the foreground, at 127.0.0.1:$SIP_PORT (UDP and TCP).
#
#   SIP_PORT     where to listen
#   PROMPT_DIR   prompt1-16bit.wav and prompt2-16bit.wav, 8 kHz mono
#   REC_DIR      takes one file per recorded call
#   RUN_DIR      scratch; a fresh database is made in it
#   CALLS        calls at a time that the ports are enough for (2,500)
#   VOICE_PORT   the first of those ports (20000)
#
# 96156 is the job (prompt 1 to the first key, prompt 2, recording to the BYE); `short` answers and is
# silent; users 1001 to 1100 may register with the password `pw` and their number.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
exec "$root/.venv/bin/python" "$here/serve.py"
