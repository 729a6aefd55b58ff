"""The whole compiler as a function (``compilation``), as a command (``glmc``) and as a workbench (``glmir``)."""
