"""What is made: one module a stage, each a plain function over the packages below and a thin Dagster asset around it."""
