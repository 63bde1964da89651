"""The gate over everything that deploys: rules as pure functions over rendered documents, and the tools beside them."""
