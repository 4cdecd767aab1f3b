"""`python -m flarego`."""

from flarego.cli.main import main

if __name__ == "__main__":
    main()
