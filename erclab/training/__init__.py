"""Training: recipes, the one loop, and the choice of a device. It imports models and corpora, no room above them."""
