"""What takes room, what is kept, and what may go."""
