"""The commands that documents tell people to type: extracted, checked, and run or named as not runnable here."""
