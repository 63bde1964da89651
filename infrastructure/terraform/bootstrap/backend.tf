# The bucket is this root's own; README.md tells how the first apply gets by without it.
# No encrypt here: without a key it asks for S3's own, while the bucket by itself encrypts with the account's key.
terraform {
  backend "s3" {
    key          = "bootstrap/terraform.tfstate"
    use_lockfile = true
  }
}
