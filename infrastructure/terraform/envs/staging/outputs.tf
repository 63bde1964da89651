output "region" {
  description = "AWS region."
  value       = var.region
}

output "cluster" {
  description = "The cluster: name and URL of the API."
  value       = module.platform.cluster
}

output "artifacts" {
  description = "The artifacts bucket and its s3 URIs by purpose."
  value       = module.platform.artifacts
}

output "database" {
  description = "Where PostgreSQL answers, and the ARNs of its secrets."
  value       = module.platform.database
}

output "service_account_role_arns" {
  description = "Role of each part, for the annotation of its service accounts."
  value       = module.platform.service_account_role_arns
}

output "github_role_arns" {
  description = "Role of each kind of workflow job, for role-to-assume."
  value       = module.platform.github_role_arns
}
