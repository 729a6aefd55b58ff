"""Benchmarks: model builders and measurements of time, memory and latency."""
