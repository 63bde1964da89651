output "bucket" {
  description = "Name of the artifacts bucket."
  value       = aws_s3_bucket.artifacts.id
}

output "bucket_arn" {
  description = "ARN of the artifacts bucket."
  value       = aws_s3_bucket.artifacts.arn
}

output "prefixes" {
  description = "What lives under which prefix of the artifacts bucket; each ends with a slash."
  value       = local.prefixes
}

output "kms_key_arn" {
  description = "Key that encrypts the artifacts."
  value       = aws_kms_key.this.arn
}
