"""Training on another machine: inputs go there by hash, the stage's own command runs, outputs come back by hash."""
