"""What an artifact was made from, what it reached, and who first said something."""
