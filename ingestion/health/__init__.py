"""Whether the platform is well: what `lakou doctor` looks at, what `lakou watch` tells, what `lakou metrics` measures."""
