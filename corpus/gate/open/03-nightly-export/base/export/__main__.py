import logging
import sys

from export.main import main

if __name__ == "__main__":
    logging.basicConfig(filename="export.log", level=logging.INFO)
    sys.exit(main(sys.argv[1:]))
