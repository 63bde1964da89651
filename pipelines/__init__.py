"""Training: steps, kfp components, graphs."""
