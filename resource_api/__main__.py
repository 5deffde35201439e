"""`python -m resource_api` is the `resource-api` command."""

from .cli import main

main()
