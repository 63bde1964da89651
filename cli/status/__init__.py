"""`contender status`: what is up, who is served by whom, and how the experiment stands."""
