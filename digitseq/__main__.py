"""Entry point of `digitseq` and ``python -m digitseq``."""

# The C module behind `signal`; importing `signal` itself takes several milliseconds.
import _signal  # type: ignore[import-not-found]

# Ctrl-C during an import would print a traceback. Until our handler is installed, it just ends the process.
if _signal.getsignal(_signal.SIGINT) is not _signal.SIG_IGN:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

from digitseq.interrupts import note_signals

note_signals()


def main() -> None:
    """Run the command line and exit."""
    from digitseq.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
