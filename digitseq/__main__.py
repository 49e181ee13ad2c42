"""``python -m digitseq`` is the command line."""

from digitseq.cli import main

if __name__ == "__main__":
    main()
