"""What every room may import: errors, paths, files, settings, tasks, batches, metrics. It imports nothing of ours."""
