"""kfp components: import one step, call it, record outputs; nothing else."""
