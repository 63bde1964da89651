"""The library: decides who is answered by which model, which model is better, and what is released."""
