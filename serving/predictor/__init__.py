"""One model version behind KServe's protocols, loaded from a verified artifact."""
