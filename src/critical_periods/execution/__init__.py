"""What a job does: batches of cells, checkpoints, logs."""
