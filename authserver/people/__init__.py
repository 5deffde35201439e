"""People and how they prove who they are. What apps may do on their behalf is in `oauth`."""
