"""What runs: Dagster's definitions, the one job behind command line and UI, and the `govlake` command."""
