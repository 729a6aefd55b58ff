"""Reports: what compiling and quantizing made of a model, for people and for programs."""
