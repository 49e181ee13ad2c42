"""The program: `digitseq` and ``python -m digitseq`` begin here."""

from digitseq.interrupts import note_signals

# Before anything else is imported: Ctrl-C in the middle of an import would end in a traceback of it.
note_signals()


def main() -> None:
    """Run the command line, and exit."""
    from digitseq.cli import main as run

    run()


if __name__ == "__main__":
    main()
