"""Real tasks for the accuracy of quantized networks: real weights, and data made on the spot from a seed."""
