"""`python -m lsp_server` is `codehearth`."""

from lsp_server.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
