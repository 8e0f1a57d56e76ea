"""The routes of the retired Azure Personalizer, in its shapes: rank the caller's own actions, reward, activate.

Words as there: an *event* is one ranking; its *reward* is a number that the caller computes. A *loop* is what was one
resource there: its events teach its own model.
"""
