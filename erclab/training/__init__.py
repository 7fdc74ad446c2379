"""Training: recipes, the one loop, and the choice of a device. It knows models and corpora, nothing above them."""
