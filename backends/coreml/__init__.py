"""Core ML: ML Programs, the `.mlpackage` folders that hold them, and their execution on any machine."""
