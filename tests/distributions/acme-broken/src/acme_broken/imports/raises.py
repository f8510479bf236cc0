raise ValueError("the wing fell off")
