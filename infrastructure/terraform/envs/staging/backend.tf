# The bucket is made by bootstrap: terraform init -backend-config=bucket=NAME -backend-config=region=REGION
# No encrypt here: without a key it asks for S3's own, while the bucket by itself encrypts with the account's key.
terraform {
  backend "s3" {
    key          = "staging/terraform.tfstate"
    use_lockfile = true
  }
}
