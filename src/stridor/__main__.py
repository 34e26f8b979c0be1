"""`python -m stridor` is the command `stridor`."""

from stridor.cli.main import main

main(prog_name="stridor")
