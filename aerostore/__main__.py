"""Where `aerostore` and `python -m aerostore` begin; the commands are in `aerostore.cli.program`."""

import gc


def main() -> None:
    """Import the program with the garbage collector at rest, and run it.

    What imports make stays: to look through it again and again takes a quarter of the start. From then on the
    collector leaves it alone, in the workers too, whose memory stays shared with that of the first process.
    """
    gc.disable()
    from aerostore.cli.program import run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
