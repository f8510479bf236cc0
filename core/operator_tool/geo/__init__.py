"""Pure mathematics: from a flight's route to the tiles that it needs, with no input and no output."""
