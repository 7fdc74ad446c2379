"""Numbers from predictions, trained models and corpora. Nothing here draws a figure or trains a network."""
