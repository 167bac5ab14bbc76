"""A worker that is told to end at a moment when nobody listens."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

# The worker takes no notice of the first SIGTERM, as uvloop before it runs.
PROGRAM = """
import multiprocessing, os, signal, sys
from aerostore.worker import end_when_orphaned, end_with_first_process

def work(ready):
    received = []
    def take_note(*_args):
        received.append(1)
        if len(received) == (2 if sys.platform == "linux" else 1):
            os._exit(0)
    signal.signal(signal.SIGTERM, take_note)
    end_with_first_process()
    end_when_orphaned()
    ready.set()
    while True:
        signal.pause()

ready = multiprocessing.get_context("fork").Event()
worker = multiprocessing.get_context("fork").Process(target=work, args=(ready,))
worker.start()
ready.wait()
os._exit(0)
"""


def test_a_worker_that_misses_the_end_of_the_first_process_ends_as_well() -> None:
    # The worker holds the pipe open: this returns when it has ended too.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr


# Granian runs the loop once for the application to start, and again to serve.
BETWEEN_TWO_RUNS = """
import asyncio, os, signal, uvloop
from aerostore.worker import hear_when_running

async def start():
    hear_when_running(lambda: told.append("told"))

loop, ended, told = uvloop.new_event_loop(), asyncio.Event(), []
loop.add_signal_handler(signal.SIGTERM, ended.set)
loop.run_until_complete(start())
os.kill(os.getpid(), signal.SIGTERM)
assert not told and not ended.is_set()
loop.run_until_complete(asyncio.wait_for(ended.wait(), 10))
assert told == ["told"], told
"""


def test_a_signal_that_comes_while_no_loop_runs_is_heard_when_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BETWEEN_TWO_RUNS], cwd=REPOSITORY, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
