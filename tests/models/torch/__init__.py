"""PyTorch archives: the script that makes them where torch is installed, and the tiny ones that are committed."""
