provider "aws" {
  region = var.region

  default_tags {
    tags = {
      system      = "contender"
      environment = "account"
      managed-by  = "terraform"
    }
  }
}
