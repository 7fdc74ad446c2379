"""Contracts: what every model of batches must keep, whatever it computes."""
