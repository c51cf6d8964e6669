"""What is measured: one module for each kind of work, each a function from a context to rows."""
