output "service_account_role_arns" {
  description = "Role of each part, for the annotation eks.amazonaws.com/role-arn of its service accounts."
  value = merge(
    { for name, role in module.workload : name => role.arn },
    { autoscaler = module.autoscaler.arn },
  )
}

output "github_role_arns" {
  description = "Role of each kind of workflow job, for role-to-assume."
  value       = { for name, role in module.github_role : name => role.arn }
}

output "github_environments" {
  description = "GitHub environment that each role's trust names, read back from the trust itself."
  value = {
    for name, role in module.github_role : name => one(distinct([for subject in role.subjects : regex("[^:]+$", subject)]))
  }
}
