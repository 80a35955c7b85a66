"""The command line, as ``python -m scoreback``."""

from scoreback.service.cli import main

if __name__ == "__main__":
    main()
