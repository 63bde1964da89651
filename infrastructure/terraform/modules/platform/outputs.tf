output "cluster" {
  description = "The cluster: name and URL of the API."
  value = {
    name     = module.cluster.name
    endpoint = module.cluster.endpoint
  }
}

output "artifacts" {
  description = "The artifacts bucket and its s3 URIs by purpose."
  value = {
    bucket = module.storage.bucket
    uris   = { for name, prefix in module.storage.prefixes : name => "s3://${module.storage.bucket}/${prefix}" }
  }
}

output "database" {
  description = "Where PostgreSQL answers, and the ARNs of its secrets."
  value = {
    endpoint                 = module.database.endpoint
    administrator_secret_arn = module.database.administrator_secret_arn
    application_secret_arns  = module.database.application_secret_arns
  }
}

output "service_account_role_arns" {
  description = "Role of each part, for the annotation of its service accounts."
  value       = module.identity.service_account_role_arns
}

output "github_role_arns" {
  description = "Role of each kind of workflow job, for role-to-assume."
  value       = module.identity.github_role_arns
}

output "shape" {
  description = "In what this environment differs from others, as built: for the tests of the roots."
  value = {
    zones                 = length(module.network.private_subnet_ids)
    nat_gateways          = module.network.nat_gateways
    api_public            = module.cluster.api_public
    capacity_types        = module.cluster.capacity_types
    database_multi_az     = module.database.multi_az
    backup_retention_days = module.database.backup_retention_days
    protected             = module.database.protected
    log_retention_days    = min(module.cluster.log_retention_days, module.network.log_retention_days)
    github_environments   = module.identity.github_environments
  }
}
