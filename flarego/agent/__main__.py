"""python -m flarego.agent SETTINGS: what `flarego agent` becomes."""

import sys

from flarego.agent.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
