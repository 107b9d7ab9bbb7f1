"""The demonstration: a made-up territory whose every figure is known beforehand."""
