"""`python -m tocsin`."""

from tocsin.node.cli import main

main()
