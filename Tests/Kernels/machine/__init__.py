"""Emulated machines that run stock Debian kernels on top of this machine's files."""
