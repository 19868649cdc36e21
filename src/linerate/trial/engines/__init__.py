"""The engines that send: one module or folder each, and one registration (engines.registry)."""
