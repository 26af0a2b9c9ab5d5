"""`triptych` and `python -m triptych`: the suite's folders come first on the path."""

from triptych import on_path


def main() -> None:
    """Run the command line; a folder named `shared` of the caller's stays unseen."""
    on_path()
    from triptych.cli import main as command

    command()


if __name__ == "__main__":
    main()
