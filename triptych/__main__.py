"""`triptych` and `python -m triptych`: the suite's folders come first on the path."""

import sys

from triptych import rooms


def main() -> None:
    """Run the command line; a folder named `shared` of the caller's stays unseen."""
    sys.path.insert(0, str(rooms()))
    from triptych.cli import main as command

    command()


if __name__ == "__main__":
    main()
