"""A worker that misses the signal of its first process's end."""

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
