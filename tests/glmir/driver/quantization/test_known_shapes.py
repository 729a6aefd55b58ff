"""Figures that theory gives, of whole models in files: how large they are, and what one bad channel costs."""

from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir.backends.target import TARGETS
from glmir.ir import Module
from glmir.parser import parse_module
from tests.golden import random_weight

PERCEPTRON = """
func @main(%x: f32[n, 512]) -> (%y: f32[n, 512]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[1024, 512]
  %b0 = tensor.constant() {value = weight<b0>} : f32[1024]
  %h = nn.linear(%x, %w0, %b0) {activation = relu} : f32[n, 1024]
  %w1 = tensor.constant() {value = weight<w1>} : f32[512, 1024]
  %b1 = tensor.constant() {value = weight<b1>} : f32[512]
  %y = nn.linear(%h, %w1, %b1) : f32[n, 512]
  return %y
}
"""
CONVOLUTIONS = """
func @main(%x: f32[1, 64, 4, 4]) -> (%y: f32[1, 256, 2, 2]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[256, 64, 3, 3]
  %b0 = tensor.constant() {value = weight<b0>} : f32[256]
  %h = nn.conv(%x, %w0, %b0)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], activation = relu} : f32[1, 256, 4, 4]
  %w1 = tensor.constant() {value = weight<w1>} : f32[256, 256, 3, 3]
  %b1 = tensor.constant() {value = weight<b1>} : f32[256]
  %y = nn.conv(%h, %w1, %b1)
    {strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[1, 256, 2, 2]
  return %y
}
"""
# The second convolution takes back what the first one makes of channel 3.
DEPTHWISE_PAIR = """
func @main(%x: f32[4, 8, 16, 16]) -> (%y: f32[4, 8, 16, 16]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[8, 1, 3, 3]
  %h = nn.conv(%x, %w0, none)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 8, activation = relu} : f32[4, 8, 16, 16]
  %w1 = tensor.constant() {value = weight<w1>} : f32[8, 1, 3, 3]
  %y = nn.conv(%h, %w1, none)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 8} : f32[4, 8, 16, 16]
  return %y
}
"""
NETWORKS = {"perceptron": PERCEPTRON, "convolutions": CONVOLUTIONS}
LEAST, MOST = {"int8": 0.25, "int8-weights": 0.25, "int4-weights{block=64}": 0.14}, {
    "int8": 0.28,
    "int8-weights": 0.28,
    "int4-weights{block=64}": 0.16,
}
