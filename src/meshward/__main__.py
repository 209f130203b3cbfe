"""`python -m meshward`, the same as `meshward`."""

from meshward.cli.main import main

main()
