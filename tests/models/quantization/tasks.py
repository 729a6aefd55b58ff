"""The tasks, by name."""

from tests.models.quantization import digits, music, sentences, speech, text_lines

TASKS = {task.name: task for task in (module.make_task() for module in (digits, text_lines, speech, sentences, music))}
