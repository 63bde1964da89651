provider "aws" {
  region = var.region

  default_tags {
    tags = {
      system      = "contender"
      environment = "staging"
      managed-by  = "terraform"
    }
  }
}
