"""The rules of the larger passes beside, by what they recognise."""
