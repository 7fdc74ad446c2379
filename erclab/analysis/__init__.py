"""What is computed from predictions and trained models: metrics, statistics, gates. Nothing here trains."""
