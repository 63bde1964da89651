"""The transformer and the predictors."""
