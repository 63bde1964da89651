provider "aws" {
  region = var.region

  default_tags {
    tags = {
      system      = "contender"
      environment = "production"
      managed-by  = "terraform"
    }
  }
}
