"""The page, looked at with a real browser: what the rows about it rest on."""
