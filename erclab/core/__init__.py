"""What every room may import: errors, paths, files, settings, tasks, batches, metrics. They import no other room."""
