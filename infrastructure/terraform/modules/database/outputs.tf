output "endpoint" {
  description = "Host and port of PostgreSQL, host:port."
  value       = aws_db_instance.this.endpoint
}

output "administrator_secret_arn" {
  description = "Secret that RDS keeps for the administrator; only the set-up job reads it."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "application_secret_arns" {
  description = "Secret of each application, filled in by the set-up job."
  value       = { for name, secret in aws_secretsmanager_secret.application : name => secret.arn }
}

output "kms_key_arn" {
  description = "Key that encrypts the database and its secrets."
  value       = aws_kms_key.this.arn
}

output "multi_az" {
  description = "Whether a standby is kept in a second zone."
  value       = aws_db_instance.this.multi_az
}

output "backup_retention_days" {
  description = "Days that any moment can be restored from."
  value       = aws_db_instance.this.backup_retention_period
}

output "protected" {
  description = "Whether the database refuses deletion."
  value       = aws_db_instance.this.deletion_protection
}
