"""Training: a recipe, the weights to start from, splits that do not leak, a run that goes on."""
