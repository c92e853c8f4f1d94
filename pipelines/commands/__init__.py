"""What the `govlake` command does, one module a subject. `pipelines.cli` holds the options and help texts and imports these only
when a command runs, so that `govlake --help` is instant.

Belongs here: talking to a person at a terminal: choosing a home, asking the packages below, printing. Not here: any work on data.
"""
