"""What each operator computes, by family, and the one list of all of them (`registry.py`).

Each is a function whose parameters have the operator's own names. Tensors of fp16 come as fp32, and what is returned is
rounded to the operator's result type by the caller. Constant integers, bools and texts come as Python's own: numbers,
strings, nested lists. What an operator cannot take raises ProgramError (or ValueError or IndexError from numpy), which
the caller completes with the operator's name.
"""
