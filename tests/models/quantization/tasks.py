"""The tasks, by name."""

from tests.models.quantization import classifiers, digits, music, sentences, speech, text_lines

TASKS = {task.name: task for task in (module.make_task() for module in (digits, text_lines, speech, sentences, music))}
"""Real weights."""

CLASSIFIERS = {name: classifiers.make_task(name) for name in ("mobilenet_v2", "resnet18", "repvgg_a0")}
"""Random weights."""
